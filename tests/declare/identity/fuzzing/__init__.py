"""Programs in which code and values reach a stage in many ways, edits of them, and what the edits
do to the name of the stage."""
