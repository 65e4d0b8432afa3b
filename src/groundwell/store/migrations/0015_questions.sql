-- Questions that learners are asked: what they are made of, sets of them, and what was answered.

-- What there is to ask about ------------------------------------------------------------------

-- Every collection with its version, which of its access lists the caller is on, and how many of
-- its chunks he sees: as read_collection_version, for those who ask about everything they have.
CREATE FUNCTION read_corpus_versions(caller text)
RETURNS TABLE (
    name text, collection_id uuid, version bigint, readable integer[], chunks bigint
)
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN QUERY
    SELECT c.name, c.id, coalesce(v.version, 0),
           CASE WHEN c.restricted_chunks > 0 THEN ARRAY(
               SELECT r.access_id FROM restricted_terms r
               WHERE r.collection_id = c.id AND r.term = '' AND r.document_frequency > 0
               ORDER BY r.access_id
           ) ELSE '{}' END,
           visible_chunks(c)
    FROM collections c LEFT JOIN collection_versions v ON v.collection_id = c.id
    ORDER BY c.name COLLATE "C";
END $$;

-- The document's text on both sides of a chunk: at least 400 characters, as far as two chunks there
-- reach. What chunks have in common is in it once. Only there is text cut: it takes long in UTF-8.
CREATE FUNCTION read_text_around(chunk chunks)
RETURNS TABLE (before text, after text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(string_agg(n.ahead, '' ORDER BY n.ordinal)
                    FILTER (WHERE n.ordinal < (chunk).ordinal), ''),
           coalesce(string_agg(n.behind, '' ORDER BY n.ordinal)
                    FILTER (WHERE n.ordinal >= (chunk).ordinal), '')
    FROM (
        SELECT m.ordinal,
               CASE WHEN lead(m.char_start) OVER places < m.char_end
                    THEN left(m.text, lead(m.char_start) OVER places - m.char_start)
                    ELSE m.text || m.gap END AS ahead,
               CASE WHEN m.ordinal = (chunk).ordinal THEN m.gap
                    WHEN lag(m.char_end) OVER places > m.char_start
                    THEN substr(m.text, 1 + lag(m.char_end) OVER places - m.char_start) || m.gap
                    ELSE m.text || m.gap END AS behind
        FROM chunks m
        WHERE m.version_id = (chunk).version_id
          AND m.ordinal BETWEEN (chunk).ordinal - 2 AND (chunk).ordinal + 2
          AND m.char_end > (chunk).char_start - 400 AND m.char_start < (chunk).char_end + 400
        WINDOW places AS (ORDER BY m.ordinal)
    ) n;
END;

-- About `most` chunks from all over some collections, as the caller sees them: half of the places
-- go to all documents alike, half by their size. Systematic sampling (Madow and Madow 1944): the
-- documents lie on a line, each as long as its weight, and a place is wherever a step of equal
-- length ends; `start`, from 0 to 1, is where within the first step it begins. Only the documents
-- are gone through; chunks are read at the places alone. `filter`: see find_documents.
CREATE FUNCTION spread_chunks(
    caller text, collections uuid[], filter jsonpath, most integer, start double precision
)
RETURNS TABLE (
    chunk_id text, document_id text, version integer, filename text, title text, passage text,
    page integer, char_start integer, heading_path text[], language text, before text, after text
)
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
DECLARE
    readable integer[];
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    readable := readable_access();
    RETURN QUERY
    WITH sized AS (
        SELECT d.uid, d.id, d.title, d.language, d.active_version_id, d.chunk_count AS held,
               sum(d.chunk_count) OVER () AS total,
               d.chunk_count::double precision / sum(d.chunk_count) OVER ()
               + 1.0::double precision / count(*) OVER () AS weight
        FROM documents d
        WHERE d.collection_id = ANY(collections) AND d.chunk_count > 0
          AND (filter IS NULL OR d.attributes @@ filter)
          AND (d.access_id = 0 OR d.access_id = ANY(readable))
    ), laid AS (
        SELECT s.*, sum(s.weight) OVER (ORDER BY s.id COLLATE "C", s.uid) AS reach FROM sized s
    ), stepped AS (
        SELECT l.*, floor(l.reach * most / 2 + start) AS ends,
               floor(lag(l.reach, 1, 0.0::double precision)
                     OVER (ORDER BY l.id COLLATE "C", l.uid) * most / 2 + start) AS begins
        FROM laid l
    ), counted AS (
        SELECT t.*, CASE WHEN t.total <= most THEN t.held
                         ELSE least(t.held, t.ends - t.begins)::integer END AS wanted
        FROM stepped t
    ), picked AS MATERIALIZED (
        SELECT n.id, n.uid, v.number, v.filename, n.title, n.language, c AS chunk
        FROM counted n
        JOIN document_versions v ON v.id = n.active_version_id
        CROSS JOIN LATERAL generate_series(0, n.wanted - 1) AS place
        JOIN chunks c ON c.version_id = n.active_version_id
                     AND c.ordinal = floor((place + 0.5) * n.held / n.wanted)::integer
    )
    SELECT (p.chunk).id::text, p.id, p.number, p.filename, p.title, (p.chunk).text, (p.chunk).page,
           (p.chunk).char_start, (p.chunk).heading_path, p.language, t.before, t.after
    FROM picked p CROSS JOIN LATERAL read_text_around(p.chunk) AS t
    ORDER BY p.id COLLATE "C", p.uid, (p.chunk).ordinal;
END $$;

-- Chunks and those around them, each once and by itself.
CREATE FUNCTION read_chunks_around(caller text, chunk_ids uuid[], reach integer)
RETURNS TABLE (
    chunk_id text, document_id text, version integer, filename text, title text, passage text,
    page integer, char_start integer, heading_path text[], language text, before text, after text
)
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN QUERY
    WITH near AS (
        SELECT DISTINCT n.id
        FROM chunks m
        JOIN chunks n ON n.version_id = m.version_id
                     AND n.ordinal BETWEEN m.ordinal - reach AND m.ordinal + reach
        WHERE m.id = ANY(chunk_ids)
    ), picked AS MATERIALIZED (
        SELECT d.id, d.uid, v.number, v.filename, d.title, d.language, c AS chunk
        FROM near
        JOIN chunks c ON c.id = near.id
        JOIN documents d ON d.uid = c.document_uid
        JOIN document_versions v ON v.id = c.version_id
    )
    SELECT (p.chunk).id::text, p.id, p.number, p.filename, p.title, (p.chunk).text, (p.chunk).page,
           (p.chunk).char_start, (p.chunk).heading_path, p.language, t.before, t.after
    FROM picked p CROSS JOIN LATERAL read_text_around(p.chunk) AS t
    ORDER BY p.id COLLATE "C", p.uid, (p.chunk).ordinal;
END $$;

REVOKE ALL ON FUNCTION read_corpus_versions, read_text_around, spread_chunks, read_chunks_around
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_corpus_versions, read_text_around, spread_chunks, read_chunks_around
    TO groundwell_app;

-- What was asked and answered -----------------------------------------------------------------

-- A question belongs to who had it made, and goes with the document that it quotes.
CREATE TABLE questions (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    -- Of the span and the template that made it: the same in every set, and for everybody.
    id text NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    document_uid uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    -- No foreign key: the question outlives a version of its document, and whoever makes it anew
    -- gives it the new chunk. Meanwhile it is not asked.
    chunk_id uuid NOT NULL,
    -- As it was last shown to the user. json and not jsonb, which would reorder keys.
    content json NOT NULL,
    -- The state of the spacing; null until it is answered for the first time.
    card jsonb,
    due timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, id)
);
CREATE INDEX questions_due ON questions (user_id, due) WHERE due IS NOT NULL;
CREATE INDEX questions_document ON questions (document_uid, id);

CREATE TABLE question_sets (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    topic text,
    mode text NOT NULL,
    asked integer NOT NULL,
    notes text[] NOT NULL,
    fallback_used boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The same wish gives the same set again.
    shown_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX question_sets_by_user ON question_sets (user_id, shown_at DESC);

CREATE TABLE question_set_items (
    set_id uuid NOT NULL REFERENCES question_sets ON DELETE CASCADE,
    ordinal integer NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id uuid NOT NULL,
    question_id text NOT NULL,
    -- What this set showed: another one may have had other options, or the same in another order,
    -- and have found the question in another document of the same name.
    document_uid uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    chunk_id uuid NOT NULL,
    content json NOT NULL,
    PRIMARY KEY (set_id, ordinal),
    FOREIGN KEY (user_id, question_id) REFERENCES questions ON DELETE CASCADE
);
CREATE INDEX question_set_items_question ON question_set_items (user_id, question_id);
CREATE INDEX question_set_items_document ON question_set_items (document_uid);

CREATE TABLE question_answers (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id uuid NOT NULL,
    question_id text NOT NULL,
    -- FSRS: 1 again, 2 hard, 3 good, 4 easy.
    rating smallint NOT NULL CHECK (rating BETWEEN 1 AND 4),
    is_correct boolean NOT NULL,
    -- What was answered, where the learner did not judge for himself.
    chosen text,
    milliseconds integer,
    answered_at timestamptz NOT NULL,
    -- Later answers tell what was learned of the first one, and nothing of the question.
    is_first boolean NOT NULL,
    FOREIGN KEY (user_id, question_id) REFERENCES questions ON DELETE CASCADE
);
CREATE INDEX question_answers_question ON question_answers (question_id, answered_at DESC)
    WHERE is_first;
CREATE INDEX question_answers_user ON question_answers (user_id, question_id);
CREATE UNIQUE INDEX question_answers_first ON question_answers (user_id, question_id)
    WHERE is_first;

-- What answers have shown to be no good question; nobody of the tenant is asked it again.
CREATE TABLE retired_questions (
    document_uid uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    question_id text NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    reason text NOT NULL,
    retired_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (document_uid, question_id)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['questions', 'question_sets', 'question_set_items',
                                'question_answers', 'retired_questions'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant_rows ON %I USING (tenant_id = (SELECT current_tenant()))'
            ' WITH CHECK (tenant_id = (SELECT current_tenant()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO groundwell_app', name);
    END LOOP;
END $$;
