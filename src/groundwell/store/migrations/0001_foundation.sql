-- The foundation: roles, identity, documents, chunks, the keyword index, conversations.
--
-- Two roles own nothing of the data:
--   groundwell_app     what every connection of the server runs as; sees one tenant's rows (RLS)
--   groundwell_search  owns the search functions; may read, never write. Its policies are `true`,
--                      because the planner cannot use the GIN index under a tenant policy (the
--                      text search operator is not leak-proof). Its functions take the tenant
--                      from the session and return ids and scores, never text.

CREATE EXTENSION IF NOT EXISTS vector;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'groundwell_app') THEN
        CREATE ROLE groundwell_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'groundwell_search') THEN
        CREATE ROLE groundwell_search NOLOGIN;
    END IF;
END $$;

GRANT groundwell_app TO CURRENT_USER WITH SET TRUE;
GRANT groundwell_search TO CURRENT_USER WITH SET TRUE;
GRANT USAGE ON SCHEMA groundwell TO groundwell_app;
-- CREATE is needed to own functions; it is taken back at the end of the file that makes them.
GRANT USAGE, CREATE ON SCHEMA groundwell TO groundwell_search;

CREATE FUNCTION current_tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('groundwell.tenant', true), '')::uuid;

-- Identity ------------------------------------------------------------------------------------

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'reader')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_tenant ON users (tenant_id);

CREATE TABLE api_keys (
    id text PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    digest bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_user ON api_keys (user_id);

-- Documents -----------------------------------------------------------------------------------

CREATE TABLE collections (
    id uuid PRIMARY KEY,
    -- Short form of the id: the prefix of the collection's lexemes in the shared GIN index.
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    chunking text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    chunk_count bigint NOT NULL DEFAULT 0,
    -- Sum of the chunks' lengths in terms, and the average length with which new term weights
    -- are computed; it follows the true average in steps.
    term_count bigint NOT NULL DEFAULT 0,
    average_length real NOT NULL DEFAULT 0,
    UNIQUE (tenant_id, name)
);

CREATE TABLE documents (
    uid uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    collection_id uuid NOT NULL REFERENCES collections ON DELETE CASCADE,
    id text NOT NULL,
    s3_key text NOT NULL,
    filename text NOT NULL,
    title text,
    media_type text NOT NULL,
    file_size bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'indexing', 'complete', 'failed')),
    stage text NOT NULL DEFAULT 'queued',
    progress real NOT NULL DEFAULT 0,
    error_code text,
    error_message text,
    warnings text[] NOT NULL DEFAULT '{}',
    metadata jsonb NOT NULL DEFAULT '{}',
    -- What filters see: the metadata and the system's own fields.
    attributes jsonb NOT NULL DEFAULT '{}',
    version integer NOT NULL DEFAULT 1,
    active_version_id uuid,
    chunk_count integer NOT NULL DEFAULT 0,
    indexed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (collection_id, id),
    UNIQUE (collection_id, s3_key)
) WITH (fillfactor = 70);
CREATE INDEX idx_documents_status ON documents (status);
CREATE INDEX documents_by_age ON documents (collection_id, created_at, uid);
CREATE INDEX documents_by_id ON documents (tenant_id, id);
CREATE INDEX documents_attributes ON documents USING gin (attributes jsonb_path_ops);

CREATE TABLE document_versions (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    document_uid uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    number integer NOT NULL,
    sha256 bytea NOT NULL,
    blob_key text,
    filename text NOT NULL,
    media_type text NOT NULL,
    file_size bigint NOT NULL,
    -- What the owner says of the document; it takes effect when the version is searchable.
    given_title text,
    metadata jsonb NOT NULL DEFAULT '{}',
    attributes jsonb NOT NULL DEFAULT '{}',
    -- What the parser found; null until the document is parsed.
    text text,
    pages jsonb,
    headings jsonb,
    title text,
    parser text,
    warnings text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (document_uid, number)
);
CREATE INDEX document_versions_blob ON document_versions (blob_key);
CREATE INDEX document_versions_bytes ON document_versions (sha256);

-- Chunks. Three narrow tables instead of one wide: the text is read for the few best rows, the
-- terms by the keyword leg, the vectors (see 0002) by the dense leg.

CREATE TABLE chunks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    document_uid uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    version_id uuid NOT NULL REFERENCES document_versions ON DELETE CASCADE,
    ordinal integer NOT NULL,
    text text NOT NULL,
    char_start integer NOT NULL,
    char_end integer NOT NULL,
    page integer,
    heading_path text[] NOT NULL DEFAULT '{}',
    UNIQUE (version_id, ordinal)
);
CREATE INDEX chunks_document ON chunks (document_uid);

CREATE TABLE chunk_terms (
    chunk_id uuid PRIMARY KEY REFERENCES chunks ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    collection_id uuid NOT NULL,
    document_uid uuid NOT NULL,
    -- `<collection number>:<term>`, so that one GIN index serves all collections without mixing.
    lexemes tsvector NOT NULL,
    -- BM25 weight of each term; its inner product with the query's IDFs is the BM25 score.
    term_weights sparsevec(1000000000) NOT NULL,
    length integer NOT NULL,
    -- The average length with which term_weights were computed.
    average_length real NOT NULL
);
-- The weights are read for every candidate, the lexemes only by the index.
ALTER TABLE chunk_terms ALTER COLUMN term_weights SET STORAGE MAIN;
ALTER TABLE chunk_terms ALTER COLUMN lexemes SET STORAGE EXTENDED;
CREATE INDEX chunk_terms_lexemes ON chunk_terms USING gin (lexemes) WITH (fastupdate = off);
CREATE INDEX chunk_terms_document ON chunk_terms (document_uid);
CREATE INDEX chunk_terms_collection ON chunk_terms (collection_id);

CREATE TABLE term_statistics (
    collection_id uuid NOT NULL REFERENCES collections ON DELETE CASCADE,
    term text NOT NULL,
    tenant_id uuid NOT NULL,
    document_frequency integer NOT NULL,
    PRIMARY KEY (collection_id, term)
) WITH (fillfactor = 70);

-- Conversations -------------------------------------------------------------------------------

CREATE TABLE conversations (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    title text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX conversations_by_user ON conversations (user_id, updated_at DESC);

CREATE TABLE messages (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('user', 'assistant')),
    content text NOT NULL,
    timestamp timestamptz NOT NULL DEFAULT clock_timestamp(),
    metadata jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX idx_messages_conversation ON messages (conversation_id, timestamp);

-- Row-level security on every table with a tenant ---------------------------------------------

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'users', 'api_keys', 'collections', 'documents', 'document_versions', 'chunks',
        'chunk_terms', 'term_statistics', 'conversations', 'messages'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant_rows ON %I USING (tenant_id = (SELECT current_tenant()))'
            ' WITH CHECK (tenant_id = (SELECT current_tenant()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO groundwell_app', name);
    END LOOP;
END $$;

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON tenants USING (id = (SELECT current_tenant()))
    WITH CHECK (id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants TO groundwell_app;

-- What the search role may read.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'tenants', 'users', 'api_keys', 'collections', 'documents', 'chunk_terms',
        'term_statistics', 'document_versions'
    ] LOOP
        EXECUTE format(
            'CREATE POLICY search_reads ON %I FOR SELECT TO groundwell_search USING (true)', name);
        EXECUTE format('GRANT SELECT ON %I TO groundwell_search', name);
    END LOOP;
END $$;

-- Functions that look across tenants: each answers one narrow question ------------------------

-- The credential row of a key id. Called before the tenant is known; gives away a digest only.
CREATE FUNCTION find_api_key(key_id text)
RETURNS TABLE (tenant_id uuid, user_id uuid, digest bytea, scopes text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = groundwell, pg_temp
BEGIN ATOMIC
    SELECT k.tenant_id, k.user_id, k.digest, k.scopes
    FROM api_keys k
    WHERE k.id = key_id
      AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > now());
END;

-- The owner of the first tenant, made at the first start.
CREATE FUNCTION find_first_owner()
RETURNS TABLE (tenant_id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = groundwell, pg_temp
BEGIN ATOMIC
    SELECT u.tenant_id, u.id FROM users u
    WHERE u.role = 'owner'
    ORDER BY u.created_at, u.id
    LIMIT 1;
END;

-- Whether any version of any tenant still needs a blob: blobs are shared by content.
CREATE FUNCTION is_blob_used(key text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = groundwell, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM document_versions v WHERE v.blob_key = key);
END;

-- The keyword leg: BM25 over one collection of the session's tenant.
--
-- `terms` are distinct analysed terms, `dimensions` their places in `term_weights`, `counts` how
-- often the query repeats them. All terms score; only the rarest select candidates: a term
-- selects while the terms before it gave fewer than `least_candidates` rows, or as long as the
-- rows stay within `most_candidates`. When that leaves fewer than `depth` rows, because a filter
-- is narrow or rare terms stand together, all terms select, and rows may be returned twice.
-- Filters are jsonpath predicates over `attributes`.
CREATE FUNCTION search_keyword(
    collection uuid, terms text[], dimensions integer[], counts integer[], depth integer,
    filter jsonpath, least_candidates integer, most_candidates integer
) RETURNS TABLE (chunk_id uuid, score real)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = groundwell, public, pg_temp
AS $$
DECLARE
    -- Read once: the planner would call the function for every row.
    tenant uuid := current_tenant();
    prefix text;
    total bigint;
    weights sparsevec;
    selecting tsquery;
    everything tsquery;
    found_rows integer;
BEGIN
    SELECT c.number || ':', c.chunk_count INTO prefix, total
    FROM collections c WHERE c.id = collection AND c.tenant_id = tenant;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    WITH asked AS (
        SELECT s.term, t.dimension, s.document_frequency AS df,
               t.count * ln(1 + (total - s.document_frequency + 0.5)
                                / (s.document_frequency + 0.5)) AS weight
        FROM unnest(terms, dimensions, counts) AS t (term, dimension, count)
        JOIN term_statistics s ON s.collection_id = collection AND s.term = t.term
        WHERE s.document_frequency > 0
    ), ranked AS (
        -- Terms whose hashes collide have one place in a vector: the rarest of them counts.
        SELECT *, sum(df) OVER (ORDER BY df, term) AS reached,
               row_number() OVER (PARTITION BY dimension ORDER BY df, term) AS place,
               '''' || replace(replace(prefix || term, '\', '\\'), '''', '''''') || '''' AS lexeme
        FROM asked
    )
    SELECT ('{' || string_agg(dimension + 1 || ':' || greatest(weight, 1e-6)::real, ',')
                   FILTER (WHERE place = 1) || '}/1000000000')::sparsevec,
           (string_agg(lexeme, '|') FILTER (WHERE reached - df < least_candidates
                                               OR reached <= most_candidates))::tsquery,
           string_agg(lexeme, '|')::tsquery
    INTO weights, selecting, everything
    FROM ranked;
    IF selecting IS NULL THEN
        RETURN;
    END IF;

    FOREACH selecting IN ARRAY ARRAY[selecting, everything] LOOP
        IF filter IS NULL THEN
            RETURN QUERY
            SELECT t.chunk_id, (-(t.term_weights <#> weights))::real AS bm25
            FROM chunk_terms t
            WHERE t.lexemes @@ selecting AND t.tenant_id = tenant
            ORDER BY bm25 DESC, t.chunk_id
            LIMIT depth;
        ELSE
            RETURN QUERY
            SELECT t.chunk_id, (-(t.term_weights <#> weights))::real AS bm25
            FROM chunk_terms t
            WHERE t.lexemes @@ selecting AND t.tenant_id = tenant
              AND t.document_uid IN (SELECT d.uid FROM documents d
                                     WHERE d.collection_id = collection
                                       AND d.attributes @@ filter)
            ORDER BY bm25 DESC, t.chunk_id
            LIMIT depth;
        END IF;
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        EXIT WHEN found_rows >= depth OR selecting = everything;
    END LOOP;
END $$;

-- What a search reads, in one round trip: the tenant and the question travel in one statement.
-- These run with the caller's rights, so row-level security holds in them. ---------------------

-- The passages of chunks, with what a reader needs to know about their documents.
CREATE FUNCTION read_passages(tenant uuid, chunk_ids uuid[])
RETURNS TABLE (
    chunk_id text, document_id text, version integer, filename text, title text, passage text,
    page integer, char_start integer, char_end integer, heading_path text[], metadata jsonb
) LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', tenant::text, true);
    RETURN QUERY
    SELECT c.id::text, d.id, v.number, v.filename, d.title, c.text, c.page, c.char_start,
           c.char_end, c.heading_path, d.metadata
    FROM chunks c
    JOIN documents d ON d.uid = c.document_uid
    JOIN document_versions v ON v.id = c.version_id
    WHERE c.id = ANY(chunk_ids);
END $$;

-- The pages of the chunks' document versions, where the format has pages.
CREATE FUNCTION read_pages(tenant uuid, chunk_ids uuid[])
RETURNS TABLE (chunk_id text, pages jsonb)
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', tenant::text, true);
    RETURN QUERY
    SELECT c.id::text, v.pages
    FROM chunks c
    JOIN document_versions v ON v.id = c.version_id
    WHERE c.id = ANY(chunk_ids) AND c.page IS NOT NULL;
END $$;

REVOKE ALL ON FUNCTION read_passages, read_pages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_passages, read_pages TO groundwell_app;

ALTER FUNCTION find_api_key OWNER TO groundwell_search;
ALTER FUNCTION find_first_owner OWNER TO groundwell_search;
ALTER FUNCTION is_blob_used OWNER TO groundwell_search;
ALTER FUNCTION search_keyword OWNER TO groundwell_search;
REVOKE ALL ON FUNCTION find_api_key, find_first_owner, is_blob_used, search_keyword FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_api_key, find_first_owner, is_blob_used, search_keyword
    TO groundwell_app;
REVOKE CREATE ON SCHEMA groundwell FROM groundwell_search;
