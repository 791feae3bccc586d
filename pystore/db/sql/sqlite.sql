-- Each statement has a name and says what it does. Words in braces are replaced by quoted names.

-- part_new_stamp: tells a state of a row from each other one.
random();

-- part_create_view: how a view is made.
CREATE VIEW;

-- insert_trigger: new rows get an entry without a key, which is work to do; but for those whose
-- primary key is empty, as SQLite lets it be.
CREATE TRIGGER IF NOT EXISTS {trigger} AFTER INSERT ON {table} BEGIN
    DELETE FROM {state} WHERE {state_is_new};
    INSERT INTO {state} ({pk}, stamp, due, tries)
    SELECT {new_pk}, {part_new_stamp}, 0, 0 WHERE {new_is_row};
END;

-- update_trigger: a row whose content has changed is work to do again; other columns do not count.
CREATE TRIGGER IF NOT EXISTS {trigger} AFTER UPDATE ON {table}
WHEN {pk_differs} OR {differs} BEGIN
    DELETE FROM {state} WHERE {state_is_old};
    DELETE FROM {state} WHERE {state_is_new};
    INSERT INTO {state} ({pk}, stamp, due, tries)
    SELECT {new_pk}, {part_new_stamp}, 0, 0 WHERE {new_is_row};
END;

-- delete_trigger: the entries of deleted rows go; their keys are kept for those who forget.
CREATE TRIGGER IF NOT EXISTS {trigger} AFTER DELETE ON {table} BEGIN
    INSERT INTO {deleted} (source, key, at)
    SELECT {source}, key, (julianday('now') - 2440587.5) * 86400.0 FROM {state} WHERE {state_is_old} AND key IS NOT NULL;
    DELETE FROM {state} WHERE {state_is_old};
END;

-- drop_trigger: takes a trigger away.
DROP TRIGGER IF EXISTS {trigger};

-- drop_view: takes a view away.
DROP VIEW IF EXISTS {view};

-- view: the table, each row with its prediction by the model that is shown, or without one.
-- It holds the whole table, since a view to the right of a LEFT JOIN is slow here.
{part_create_view} {view} AS
SELECT t.*, {outputs}, m.rref AS model
FROM {table} AS t
LEFT JOIN {state} AS s ON {state_is_row}
{part_shown};

-- there: those of these models and keys that have a prediction, or failed.
SELECT model, key FROM {predictions}
WHERE model IN ({models}) AND key IN ({keys}) AND (value IS NOT NULL OR error IS NOT NULL);

-- put_values: predictions; one that is there stays.
INSERT INTO {predictions} (model, key, value, made, tries) VALUES (?, ?, ?, ?, 0)
ON CONFLICT (model, key) DO UPDATE
SET value = excluded.value, made = excluded.made, due = NULL, error = NULL, phase = NULL, owner = NULL
WHERE value IS NULL;

-- mark: what is known of a row whose content is as it was when it was claimed.
UPDATE {state} SET key = ?, due = ?, tries = ?, error = ?, phase = ?, owner = NULL
WHERE {state_is_bound} AND stamp = ?;

-- triggers: the triggers on a table, and their texts.
SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table;
