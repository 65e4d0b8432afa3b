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

-- The session names a tenant and, behind slashes, who of it asks: see 0009.
CREATE FUNCTION current_tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(left(current_setting('groundwell.tenant', true), 36), '')::uuid;

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

-- The languages in order, and the digest of the synonyms: `de,en#1f0c…`. Empty for a collection
-- in English without synonyms. A language of less than a hundredth of the documents does not count:
-- stems of a language that is hardly there match words of the others by chance.
CREATE FUNCTION collection_profile(language_counts jsonb, synonyms_digest text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
AS $$
DECLARE
    total bigint := (SELECT sum(value::bigint) FROM jsonb_each_text(language_counts));
    languages text := (SELECT string_agg(key, ',' ORDER BY key)
                       FROM jsonb_each_text(language_counts) WHERE value::bigint * 100 >= total);
BEGIN
    IF synonyms_digest = '' AND coalesce(languages, 'en') = 'en' THEN
        RETURN '';
    END IF;
    RETURN coalesce(languages, 'en') || '#' || synonyms_digest;
END $$;

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
    -- How many of them not everybody in the tenant may see.
    restricted_chunks bigint NOT NULL DEFAULT 0,
    -- Sum of the chunks' lengths in terms, and the average length with which new term weights
    -- are computed; it follows the true average in steps.
    term_count bigint NOT NULL DEFAULT 0,
    average_length real NOT NULL DEFAULT 0,
    -- How many searchable documents are in each language.
    language_counts jsonb NOT NULL DEFAULT '{}',
    -- The synonyms: bundled packs that are on, the collection's own entries, and a digest of both.
    synonym_packs text[] NOT NULL DEFAULT '{}',
    synonym_entries jsonb NOT NULL DEFAULT '{}',
    synonyms_digest text NOT NULL DEFAULT '',
    -- What a query's analysis depends on. A search returns it, so that each process learns of a
    -- change with the next search.
    profile text NOT NULL GENERATED ALWAYS AS (collection_profile(language_counts,
                                                                  synonyms_digest)) STORED,
    UNIQUE (tenant_id, name)
);

CREATE TABLE documents (
    uid uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    collection_id uuid NOT NULL REFERENCES collections ON DELETE CASCADE,
    -- Who may see the document: a row of `access_lists` (see 0009), or 0 for the whole tenant. What
    -- is made of the document has a copy, so that no row has to look it up.
    access_id integer NOT NULL DEFAULT 0,
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
    -- ISO 639-1, of the searchable version; null until there is one.
    language text,
    indexed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX idx_documents_status ON documents (status);
CREATE INDEX documents_by_age ON documents (collection_id, created_at, uid);
CREATE INDEX documents_by_id ON documents (tenant_id, id);
CREATE INDEX documents_attributes ON documents USING gin (attributes jsonb_path_ops);

CREATE TABLE document_versions (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    document_uid uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    access_id integer NOT NULL,
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
    access_id integer NOT NULL,
    ordinal integer NOT NULL,
    text text NOT NULL,
    char_start integer NOT NULL,
    char_end integer NOT NULL,
    page integer,
    heading_path text[] NOT NULL DEFAULT '{}',
    -- The document's text up to the next chunk, so that neighbours can be joined verbatim without
    -- reading the whole text.
    gap text NOT NULL DEFAULT '',
    UNIQUE (version_id, ordinal)
);
CREATE INDEX chunks_document ON chunks (document_uid);

CREATE TABLE chunk_terms (
    chunk_id uuid PRIMARY KEY REFERENCES chunks ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    collection_id uuid NOT NULL,
    document_uid uuid NOT NULL,
    access_id integer NOT NULL,
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

-- The documents of a collection that pass a filter, a jsonpath predicate over `attributes`, and
-- how many chunks they have. Asked once for both legs: where no index helps, the predicate is
-- evaluated for every document of the collection. `readable`: see search_keyword.
CREATE FUNCTION find_documents(
    collection uuid, filter jsonpath, readable integer[] DEFAULT NULL
)
RETURNS TABLE (documents uuid[], chunks bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = groundwell, public, pg_temp
BEGIN ATOMIC
    SELECT coalesce(array_agg(d.uid), '{}'), coalesce(sum(d.chunk_count), 0)
    FROM documents d
    WHERE d.collection_id = collection AND d.tenant_id = (SELECT current_tenant())
      AND d.attributes @@ filter
      AND (d.access_id = 0 OR readable IS NULL OR d.access_id = ANY(readable));
END;

-- The keyword leg: BM25 over one collection of the session's tenant.
--
-- `terms` are distinct analysed terms, `dimensions` their places in `term_weights`, `counts` how
-- often the query repeats them, or a fraction for terms that it does not say itself. All terms
-- score; only the rarest select candidates: a term selects while the terms before it gave fewer than `least_candidates` rows, or as long as the
-- rows stay within `most_candidates`. When that leaves fewer than `depth` rows, because a filter
-- is narrow or rare terms stand together, all terms select, and rows may be returned twice.
-- `documents` are those that pass the filter, with `matching` chunks between them; NULL: all.
-- When that is less than the terms select, each of their chunks is looked at instead.
-- `readable` are the access lists whose documents the caller may see; NULL: all of the collection's
-- documents are for everybody. `visible` is how many chunks he may see, where that is not all.
-- `restricted_counts`: in how many chunks that are not for everybody, but for him, each term stands.
CREATE FUNCTION search_keyword(
    collection uuid, terms text[], dimensions integer[], counts real[], depth integer,
    documents uuid[], matching bigint, least_candidates integer, most_candidates integer,
    readable integer[] DEFAULT NULL, visible bigint DEFAULT NULL,
    restricted_counts integer[] DEFAULT NULL
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
    selected bigint;
    everything tsquery;
    all_rows bigint;
    found_rows integer;
BEGIN
    SELECT c.number || ':', c.chunk_count INTO prefix, total
    FROM collections c WHERE c.id = collection AND c.tenant_id = tenant;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    total := coalesce(visible, total);

    WITH counted AS (
        SELECT t.term, t.dimension, t.count,
               coalesce(s.document_frequency, 0) + coalesce(t.restricted, 0) AS df
        FROM unnest(terms, dimensions, counts, restricted_counts)
            AS t (term, dimension, count, restricted)
        LEFT JOIN term_statistics s ON s.collection_id = collection AND s.term = t.term
    ), asked AS (
        SELECT term, dimension, df, count * ln(1 + (total - df + 0.5) / (df + 0.5)) AS weight
        FROM counted WHERE df > 0
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
           max(reached) FILTER (WHERE reached - df < least_candidates
                                   OR reached <= most_candidates),
           string_agg(lexeme, '|')::tsquery, max(reached)
    INTO weights, selecting, selected, everything, all_rows
    FROM ranked;
    IF selecting IS NULL THEN
        RETURN;
    END IF;

    LOOP
        IF documents IS NULL AND visible IS NOT NULL THEN
            RETURN QUERY
            SELECT t.chunk_id, (-(t.term_weights <#> weights))::real AS bm25
            FROM chunk_terms t
            WHERE t.lexemes @@ selecting AND t.tenant_id = tenant
              AND (t.access_id = 0 OR t.access_id = ANY(readable))
            ORDER BY bm25 DESC, t.chunk_id
            LIMIT depth;
        ELSIF documents IS NULL THEN
            RETURN QUERY
            SELECT t.chunk_id, (-(t.term_weights <#> weights))::real AS bm25
            FROM chunk_terms t
            WHERE t.lexemes @@ selecting AND t.tenant_id = tenant
            ORDER BY bm25 DESC, t.chunk_id
            LIMIT depth;
        ELSIF matching <= selected THEN
            RETURN QUERY
            SELECT t.chunk_id, (-(t.term_weights <#> weights))::real AS bm25
            FROM chunk_terms t
            WHERE t.document_uid = ANY(documents) AND t.tenant_id = tenant
              AND t.collection_id = collection AND t.term_weights <#> weights < 0
            ORDER BY bm25 DESC, t.chunk_id
            LIMIT depth;
            RETURN;
        ELSE
            RETURN QUERY
            SELECT t.chunk_id, (-(t.term_weights <#> weights))::real AS bm25
            FROM chunk_terms t
            WHERE t.lexemes @@ selecting AND t.tenant_id = tenant
              AND t.document_uid = ANY(documents)
            ORDER BY bm25 DESC, t.chunk_id
            LIMIT depth;
        END IF;
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        EXIT WHEN found_rows >= depth OR selecting = everything;
        selecting := everything;
        selected := all_rows;
    END LOOP;
END $$;

-- What a search reads, in one round trip: the caller and the question travel in one statement.
-- These run with the caller's rights, so row-level security holds in them. ---------------------

-- The passages of chunks, with what a reader needs to know about their documents.
CREATE FUNCTION read_passages(caller text, chunk_ids uuid[])
RETURNS TABLE (
    chunk_id text, document_id text, version integer, filename text, title text, passage text,
    page integer, char_start integer, char_end integer, heading_path text[], metadata jsonb,
    language text
) LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN QUERY
    SELECT c.id::text, d.id, v.number, v.filename, d.title, c.text, c.page, c.char_start,
           c.char_end, c.heading_path, d.metadata, d.language
    FROM chunks c
    JOIN documents d ON d.uid = c.document_uid
    JOIN document_versions v ON v.id = c.version_id
    WHERE c.id = ANY(chunk_ids);
END $$;

-- The pages of the chunks' document versions, where the format has pages.
CREATE FUNCTION read_pages(caller text, chunk_ids uuid[])
RETURNS TABLE (chunk_id text, pages jsonb)
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN QUERY
    SELECT c.id::text, v.pages
    FROM chunks c
    JOIN document_versions v ON v.id = c.version_id
    WHERE c.id = ANY(chunk_ids) AND c.page IS NOT NULL;
END $$;

-- In how many chunks of a collection each of the terms occurs; those that occur in none are not
-- among the rows.
CREATE FUNCTION read_term_frequencies(caller text, collection text, terms text[])
RETURNS TABLE (term text, document_frequency integer)
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN QUERY
    SELECT s.term, sum(s.document_frequency)::integer
    FROM collections c
    CROSS JOIN LATERAL (
        SELECT p.term, p.document_frequency FROM term_statistics p
        WHERE p.collection_id = c.id AND p.term = ANY(terms)
        UNION ALL
        SELECT r.term, r.document_frequency FROM restricted_terms r
        WHERE r.collection_id = c.id AND r.term = ANY(terms)
    ) s
    WHERE c.name = collection AND s.document_frequency > 0
    GROUP BY s.term;
END $$;

-- What the keyword index holds of chunks of one collection, and in how many of the collection's
-- chunks each of some terms stands: what a BM25 score is explained with. The title is the one that
-- the chunks were embedded and analysed under, unless it was changed since.
CREATE FUNCTION read_terms(caller text, chunk_ids uuid[], terms text[])
RETURNS TABLE (
    chunk_id text, term_weights sparsevec, length integer, average_length real, title text,
    document_count bigint, document_frequencies integer[]
) LANGUAGE plpgsql SET search_path = groundwell, public, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN QUERY
    SELECT t.chunk_id::text, t.term_weights, t.length, t.average_length,
           coalesce(v.given_title, v.title), visible_chunks(o),
           ARRAY(SELECT coalesce(s.document_frequency, 0) + restricted_frequency(o, asked.term)
                 FROM unnest(terms) WITH ORDINALITY AS asked (term, place)
                 LEFT JOIN term_statistics s
                     ON s.collection_id = t.collection_id AND s.term = asked.term
                 ORDER BY asked.place)
    FROM chunk_terms t
    JOIN chunks c ON c.id = t.chunk_id
    JOIN document_versions v ON v.id = c.version_id
    JOIN collections o ON o.id = t.collection_id
    WHERE t.chunk_id = ANY(chunk_ids);
END $$;

-- What ranking needs to know about the documents of many chunks. Metadata may be large, so only
-- the fields that count are read.
CREATE FUNCTION read_traits(caller text, chunk_ids uuid[])
RETURNS TABLE (
    chunk_id text, document text, dates text[], category jsonb, handed_in_at timestamptz
) LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN QUERY
    SELECT c.id::text, d.uid::text,
           array_remove(ARRAY[d.metadata->>'date', d.metadata->>'published',
                              d.metadata->>'created_at'], NULL),
           d.metadata->'category', v.created_at
    FROM chunks c
    JOIN documents d ON d.uid = c.document_uid
    JOIN document_versions v ON v.id = c.version_id
    WHERE c.id = ANY(chunk_ids);
END $$;

-- Chunks with those around them, in the order of the document.
CREATE FUNCTION read_windows(caller text, chunk_ids uuid[], reach integer)
RETURNS TABLE (
    chunk_id text, document_id text, version integer, filename text, title text,
    heading_path text[], metadata jsonb, language text, version_key text, page integer,
    starts integer[], texts text[], gaps text[]
) LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN QUERY
    SELECT c.id::text, d.id, v.number, v.filename, d.title, c.heading_path, d.metadata,
           d.language, v.id::text, w.pages[1], w.starts, w.texts, w.gaps
    FROM chunks c
    JOIN documents d ON d.uid = c.document_uid
    JOIN document_versions v ON v.id = c.version_id
    CROSS JOIN LATERAL (
        SELECT array_agg(n.page ORDER BY n.ordinal) AS pages,
               array_agg(n.char_start ORDER BY n.ordinal) AS starts,
               array_agg(n.text ORDER BY n.ordinal) AS texts,
               array_agg(n.gap ORDER BY n.ordinal) AS gaps
        FROM chunks n
        WHERE n.version_id = c.version_id
          AND n.ordinal BETWEEN c.ordinal - reach AND c.ordinal + reach
    ) w
    WHERE c.id = ANY(chunk_ids);
END $$;

REVOKE ALL ON FUNCTION read_passages, read_pages, read_term_frequencies, read_terms, read_traits,
    read_windows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_passages, read_pages, read_term_frequencies, read_terms, read_traits,
    read_windows TO groundwell_app;

ALTER FUNCTION find_api_key OWNER TO groundwell_search;
ALTER FUNCTION find_first_owner OWNER TO groundwell_search;
ALTER FUNCTION is_blob_used OWNER TO groundwell_search;
ALTER FUNCTION find_documents OWNER TO groundwell_search;
ALTER FUNCTION search_keyword OWNER TO groundwell_search;
REVOKE ALL ON FUNCTION find_api_key, find_first_owner, is_blob_used, find_documents, search_keyword
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_api_key, find_first_owner, is_blob_used, find_documents,
    search_keyword TO groundwell_app;
REVOKE CREATE ON SCHEMA groundwell FROM groundwell_search;
