"""The identity of code: a digest of a function and of all that it uses of the user's project.

How it is found, and where to look:

- `code`: the digest, and the digests of its parts. It asks for a survey, and remembers it.
- `surveyor`, `notes`, `survey`: goes from function to function, breadth first; what it has met;
  the texts that result, and the values on which they depend.
- `code_text`, `classes`: the text of a function or module, of a class.
- `resolver`, `describer`: the meanings of the names in a text; the texts of their values.
- `normal`, `walker`, `scope`: source in a form that no layout and no Python changes.
- `listing`, `compiled`: the source of loaded code, and whether the file is still that source.
- `parsing`: syntax trees, whatever Python warns of.
- `kept_forms`: code and normal forms that an earlier process has kept of a file.
- `values`, `kinds`, `callables`, `libraries`: how each kind of value is written.
- `statements`, `origin`: the statements that made a value which has no text of its own.
- `project`, `outside`, `reading`, `functions`: questions about one module, class or function.
- `changes`: whether code changed between declaration and run. `by_hand`: code that is not in the
  config. `places`, `warn`: for people.
"""
