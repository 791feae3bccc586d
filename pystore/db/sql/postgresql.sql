-- Each statement has a name and says what it does. Words in braces are replaced by quoted names.
-- A trigger must never make a write of the table's owner fail: each function catches what fails.

-- part_new_stamp: tells a state of a row from each other one.
nextval('{stamp}');

-- part_create_view: how a view is made.
CREATE OR REPLACE VIEW;

-- part_head: how each function begins.
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $pystore$;

-- part_tail: how each function ends.
RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'pystore: %', SQLERRM;
    RETURN NULL;
END $pystore$;

-- part_again: an entry that is there becomes work to do again.
ON CONFLICT ({pk}) DO UPDATE
    SET key = NULL, stamp = excluded.stamp, due = 0, tries = 0, error = NULL, phase = NULL, owner = NULL;

-- part_note_left: the keys of entries that are gone are noted.
INSERT INTO {deleted} (source, key, at)
    SELECT {source}, key, extract(epoch FROM clock_timestamp()) FROM left_over
    WHERE key IS NOT NULL;

-- on_insert: new rows get an entry without a key, which is work to do.
{part_head}
BEGIN
    INSERT INTO {state} ({pk}, stamp, due, tries)
    SELECT {own_pk}, {part_new_stamp}, 0, 0 FROM fresh
    {part_again};
    {notify}
{part_tail};

-- on_update: a row whose content has changed is work to do again; other columns do not count.
{part_head}
DECLARE is_same boolean;
BEGIN
    BEGIN
        is_same := NOT ({differs});
    EXCEPTION WHEN OTHERS THEN
        is_same := false;  -- a column has another name or type by now: the listener looks at the row
    END;
    IF {pk_differs} THEN
        DELETE FROM {state} WHERE {state_is_old};
    ELSIF is_same THEN
        RETURN NULL;
    END IF;
    INSERT INTO {state} ({pk}, stamp, due, tries) VALUES ({new_pk}, {part_new_stamp}, 0, 0)
    {part_again};
    {notify}
{part_tail};

-- on_delete: the entries of deleted rows go; their keys are kept for those who forget.
{part_head}
BEGIN
    WITH left_over AS (
        DELETE FROM {state} AS s USING gone AS g WHERE {state_is_gone} RETURNING s.key
    )
    {part_note_left};
    {notify}
{part_tail};

-- on_truncate: all entries go.
{part_head}
BEGIN
    WITH left_over AS (DELETE FROM {state} RETURNING key)
    {part_note_left};
{part_tail};

-- insert_trigger: one call for each statement that inserts.
CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION {function}();

-- update_trigger: without WHEN and without columns, on which the owner's ALTER TABLE would fail.
CREATE OR REPLACE TRIGGER {trigger} AFTER UPDATE ON {table}
FOR EACH ROW EXECUTE FUNCTION {function}();

-- delete_trigger: one call for each statement that deletes.
CREATE OR REPLACE TRIGGER {trigger} AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION {function}();

-- truncate_trigger: what deletes all rows at once.
CREATE OR REPLACE TRIGGER {trigger} AFTER TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {function}();

-- drop_trigger: takes a trigger away with its function, even from a table of somebody else.
DROP FUNCTION IF EXISTS {function}() CASCADE;

-- view: every row by its key, with its prediction by the model that is shown, or without one.
{part_create_view} {view} AS
SELECT {view_pk}, {outputs}, m.rref AS model
FROM {state} AS s
{part_shown};

-- mark: what is known of rows whose content is as it was when they were claimed. A row that its
-- writer has locked is passed over: to wait for it could make the writer wait in a circle, and fail.
UPDATE {state} AS s
SET key = v.key, due = v.due, tries = v.tries, error = v.error, phase = v.phase, owner = NULL
FROM (
    SELECT {value_pk}, v.key, v.due, v.tries, v.error, v.phase
    FROM (
        SELECT {typed_pk}, stamp, key, due, tries, error, phase
        FROM unnest({pk_arrays}, CAST(%(stamps)b AS bigint[]), CAST(%(keys)b AS bytea[]),
                    CAST(%(dues)b AS double precision[]), CAST(%(tries)b AS integer[]),
                    CAST(%(errors)b AS text[]), CAST(%(phases)b AS text[]))
             AS u({pk}, stamp, key, due, tries, error, phase)
    ) AS v
    JOIN {state} AS s ON {state_is_value} AND s.stamp = v.stamp
    FOR UPDATE OF s SKIP LOCKED
) AS v
WHERE {state_is_value};

-- there: those of these models and keys that have a prediction, or failed. LATERAL looks each of
-- them up in the index: by statistics of a table that was just filled, it would be read as a whole.
SELECT p.model, p.key
FROM unnest(CAST(%(models)b AS integer[])) AS m(model)
CROSS JOIN unnest(CAST(%(keys)b AS bytea[])) AS k(key)
CROSS JOIN LATERAL (
    SELECT model, key FROM {predictions}
    WHERE model = m.model AND key = k.key AND (value IS NOT NULL OR error IS NOT NULL) LIMIT 1
) AS p;

-- claim_keys: keys that nobody has, in their order; ours from now on, or left to be done.
INSERT INTO {predictions} (model, key, due, tries, owner)
SELECT v.model, v.key, %(due)b, 0, CAST(%(owner)b AS integer)
FROM unnest(CAST(%(models)b AS integer[]), CAST(%(keys)b AS bytea[])) AS v(model, key)
ORDER BY v.model, v.key
ON CONFLICT DO NOTHING
RETURNING key;

-- put_values: predictions, in the order of their keys, so that two listeners never wait in a circle.
INSERT INTO {predictions} AS p (model, key, value, made, tries)
SELECT v.model, v.key, CAST(v.value AS jsonb), %(made)b, 0
FROM unnest(CAST(%(models)b AS integer[]), CAST(%(keys)b AS bytea[]), CAST(%(values)b AS text[]))
     AS v(model, key, value)
ORDER BY v.model, v.key
ON CONFLICT (model, key) DO UPDATE
SET value = excluded.value, made = excluded.made, due = NULL, error = NULL, phase = NULL, owner = NULL
WHERE p.value IS NULL;

-- triggers: the triggers of ours on a table, and whether each is at work.
SELECT tgname, tgenabled FROM pg_catalog.pg_trigger
WHERE tgrelid = to_regclass(:table) AND NOT tgisinternal;

-- table_is: tells a table, its storage, its partitions, the columns that are read, and the triggers
-- from others that had their names before: rows may have changed with them, and no trigger has told.
WITH RECURSIVE part(oid) AS (
    SELECT CAST(to_regclass(:table) AS oid)
    UNION
    SELECT inhrelid FROM pg_catalog.pg_inherits JOIN part ON inhparent = part.oid
)
SELECT concat_ws(
    ' ',
    (SELECT string_agg(concat(oid, '/', relfilenode), ',' ORDER BY oid)
     FROM pg_catalog.pg_class WHERE oid IN (SELECT oid FROM part)),
    (SELECT string_agg(concat(attname, ':', attnum), ',' ORDER BY attname)
     FROM pg_catalog.pg_attribute
     WHERE attrelid = to_regclass(:table) AND attname = ANY(CAST(:columns AS text[]))),
    (SELECT string_agg(concat(tgname, ':', oid), ',' ORDER BY tgname) FROM pg_catalog.pg_trigger
     WHERE tgrelid = to_regclass(:table) AND tgname LIKE CAST(:triggers AS text))
);

-- noted: what was noted of the table when its rows were last looked at.
SELECT obj_description(to_regclass(:state), 'pg_class');

-- view_grants: who may read a view.
SELECT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE CAST(CAST(grantee AS regrole) AS text) END
FROM pg_catalog.pg_class, aclexplode(relacl)
WHERE oid = to_regclass(:view) AND privilege_type = 'SELECT' AND grantee <> relowner;
