-- Statements that both databases have; the parts of them that differ stand in the file of each.

-- add_missing: entries for rows that no trigger has seen, and that have a primary key.
INSERT INTO {state} ({pk}, stamp, due, tries)
SELECT {table_pk}, {part_new_stamp}, 0, 0 FROM {table} AS t
WHERE {table_is_row} AND NOT EXISTS (SELECT 1 FROM {state} AS s WHERE {state_is_row})
ON CONFLICT DO NOTHING;

-- drop_extra: entries of rows that are gone.
DELETE FROM {state} AS s WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {state_is_row});

-- part_shown: the prediction by the model that is shown, if there is one, and this model.
LEFT JOIN {listeners} AS l ON l.collection = {collection} AND l.name = {name}
LEFT JOIN {predictions} AS p ON p.model = l.shown AND p.key = s.key AND p.value IS NOT NULL
LEFT JOIN {models} AS m ON m.id = p.model;

-- failed_view: the rows that have no prediction because of an error.
{part_create_view} {view} AS
SELECT {view_pk}, coalesce(s.error, p.error) AS error, coalesce(s.phase, p.phase) AS phase,
       CASE WHEN s.error IS NULL THEN p.tries ELSE s.tries END AS tries,
       CASE WHEN s.error IS NULL THEN p.due ELSE s.due END AS due
FROM {state} AS s
LEFT JOIN {listeners} AS l ON l.collection = {collection} AND l.name = {name}
LEFT JOIN {predictions} AS p ON p.model = l.shown AND p.key = s.key AND p.error IS NOT NULL
WHERE s.error IS NOT NULL OR p.error IS NOT NULL;
