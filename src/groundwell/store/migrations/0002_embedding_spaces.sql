-- Embedding spaces: one per (model, dimension), each with a vector table of its own, so that
-- vectors of two models can never be compared by accident.

CREATE TABLE embedding_spaces (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    dimension integer NOT NULL CHECK (dimension BETWEEN 1 AND 4000),
    state text NOT NULL CHECK (state IN ('building', 'active', 'retired')),
    -- Mean token vector of the model, subtracted before signs are taken; zeros without tokens.
    centre real[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (model, dimension)
);
CREATE UNIQUE INDEX one_active_space ON embedding_spaces (state) WHERE state = 'active';
GRANT SELECT ON embedding_spaces TO groundwell_app;

-- Makes the table and the dense leg of a space. Run by the owner at start, never by the server.
CREATE FUNCTION create_space_objects(space integer, dimension integer) RETURNS void
LANGUAGE plpgsql SET search_path = groundwell, public, pg_temp
AS $outer$
DECLARE
    vectors text := 'space_' || space;
BEGIN
    EXECUTE format($sql$
        CREATE TABLE %1$I (
            chunk_id uuid PRIMARY KEY REFERENCES chunks ON DELETE CASCADE,
            tenant_id uuid NOT NULL,
            collection_id uuid NOT NULL,
            document_uid uuid NOT NULL,
            access_id integer NOT NULL,
            embedding halfvec(%2$s) NOT NULL,
            token_bits bytea NOT NULL
        );
        -- Out of line and as they are: sign bits do not compress, and the exact scan of the
        -- dense leg should not have to step over them.
        ALTER TABLE %1$I ALTER COLUMN token_bits SET STORAGE EXTERNAL;
        ALTER TABLE %1$I ALTER COLUMN embedding SET STORAGE PLAIN;
        CREATE INDEX ON %1$I (collection_id, document_uid);
        CREATE INDEX ON %1$I (document_uid);
        CREATE INDEX ON %1$I USING hnsw (embedding halfvec_ip_ops)
            WITH (m = 16, ef_construction = 64);
        ALTER TABLE %1$I ENABLE ROW LEVEL SECURITY;
        ALTER TABLE %1$I FORCE ROW LEVEL SECURITY;
        SELECT guard_by_access(%1$L);
        CREATE TRIGGER access_of_document BEFORE INSERT ON %1$I
            FOR EACH ROW EXECUTE FUNCTION copy_access();
        CREATE POLICY search_reads ON %1$I FOR SELECT TO groundwell_search USING (true);
        GRANT SELECT, INSERT, UPDATE, DELETE ON %1$I TO groundwell_app;
        GRANT SELECT ON %1$I TO groundwell_search;
    $sql$, vectors, dimension);

    -- By the graph. `documents` are those that pass the filter; NULL: all. `readable` are the access
    -- lists that the caller is on; NULL: he may see all documents. May return fewer rows than exist
    -- when they are few.
    EXECUTE format($sql$
        CREATE FUNCTION %2$I(
            collection uuid, query halfvec, depth integer, documents uuid[],
            readable integer[] DEFAULT NULL
        ) RETURNS TABLE (chunk_id uuid, score real)
        LANGUAGE plpgsql STABLE SECURITY DEFINER
        SET search_path = groundwell, public, pg_temp
        SET hnsw.iterative_scan = 'relaxed_order'
        -- At 120 the graph finds 95 of the best 100 among random vectors, at 400 more than 99.
        SET hnsw.ef_search = 200
        SET enable_seqscan = off
        SET enable_bitmapscan = off
        SET enable_sort = off
        AS $body$
        DECLARE
            tenant uuid := current_tenant();
        BEGIN
            IF documents IS NULL AND readable IS NULL THEN
                RETURN QUERY
                SELECT v.chunk_id, (-(v.embedding <#> query))::real FROM %1$I v
                WHERE v.collection_id = collection AND v.tenant_id = tenant
                ORDER BY v.embedding <#> query LIMIT depth;
            ELSIF documents IS NULL THEN
                RETURN QUERY
                SELECT v.chunk_id, (-(v.embedding <#> query))::real FROM %1$I v
                WHERE v.collection_id = collection AND v.tenant_id = tenant
                  AND (v.access_id = 0 OR v.access_id = ANY(readable))
                ORDER BY v.embedding <#> query LIMIT depth;
            ELSE
                RETURN QUERY
                SELECT v.chunk_id, (-(v.embedding <#> query))::real FROM %1$I v
                WHERE v.collection_id = collection AND v.tenant_id = tenant
                  AND v.document_uid = ANY(documents)
                ORDER BY v.embedding <#> query LIMIT depth;
            END IF;
        END $body$;
    $sql$, vectors, vectors || '_graph');

    -- By looking at every row. The addition keeps the planner from using the graph.
    EXECUTE format($sql$
        CREATE FUNCTION %2$I(
            collection uuid, query halfvec, depth integer, documents uuid[],
            readable integer[] DEFAULT NULL
        ) RETURNS TABLE (chunk_id uuid, score real)
        LANGUAGE plpgsql STABLE SECURITY DEFINER
        SET search_path = groundwell, public, pg_temp
        AS $body$
        DECLARE
            tenant uuid := current_tenant();
        BEGIN
            IF documents IS NULL AND readable IS NULL THEN
                RETURN QUERY
                SELECT v.chunk_id, (-(v.embedding <#> query))::real FROM %1$I v
                WHERE v.collection_id = collection AND v.tenant_id = tenant
                ORDER BY (v.embedding <#> query) + 0, v.chunk_id LIMIT depth;
            ELSIF documents IS NULL THEN
                RETURN QUERY
                SELECT v.chunk_id, (-(v.embedding <#> query))::real FROM %1$I v
                WHERE v.collection_id = collection AND v.tenant_id = tenant
                  AND (v.access_id = 0 OR v.access_id = ANY(readable))
                ORDER BY (v.embedding <#> query) + 0, v.chunk_id LIMIT depth;
            ELSE
                RETURN QUERY
                SELECT v.chunk_id, (-(v.embedding <#> query))::real FROM %1$I v
                WHERE v.collection_id = collection AND v.tenant_id = tenant
                  AND v.document_uid = ANY(documents)
                ORDER BY (v.embedding <#> query) + 0, v.chunk_id LIMIT depth;
            END IF;
        END $body$;
    $sql$, vectors, vectors || '_exact');

    -- The dense leg: whichever way is estimated to be cheaper. An exact scan costs about 1.2 us
    -- a row; the graph about 2 ms, times the share of foreign rows it has to step over.
    -- `matching` is how many chunks the documents have or, with `readable` and without documents,
    -- how many the caller may see.
    EXECUTE format($sql$
        CREATE FUNCTION %2$I(
            collection uuid, query halfvec, depth integer, documents uuid[],
            matching bigint DEFAULT 0, readable integer[] DEFAULT NULL
        ) RETURNS TABLE (chunk_id uuid, score real)
        LANGUAGE plpgsql STABLE SECURITY DEFINER
        SET search_path = groundwell, public, pg_temp
        AS $body$
        DECLARE
            total double precision;
            found_rows integer;
        BEGIN
            IF documents IS NULL AND readable IS NULL THEN
                SELECT c.chunk_count INTO matching FROM collections c
                WHERE c.id = collection AND c.tenant_id = current_tenant();
                IF NOT FOUND THEN
                    RETURN;
                END IF;
            END IF;
            SELECT greatest(c.reltuples, matching) INTO total
            FROM pg_class c WHERE c.oid = %3$L::regclass;
            IF matching * 1.2 > 2000 * total / greatest(matching, 1) THEN
                RETURN QUERY SELECT * FROM %4$I(collection, query, depth, documents, readable);
                GET DIAGNOSTICS found_rows = ROW_COUNT;
                IF found_rows >= least(depth, matching) THEN
                    RETURN;
                END IF;
                -- Rows already returned are returned again, with the same scores; the caller
                -- keeps one of each.
            END IF;
            RETURN QUERY SELECT * FROM %5$I(collection, query, depth, documents, readable);
        END $body$;
    $sql$, vectors, vectors || '_search', 'groundwell.' || vectors, vectors || '_graph',
        vectors || '_exact');

    -- Both legs of a search in one round trip: the caller and the question travel in one
    -- statement. A leg whose question is NULL does not run. The keyword leg also tells how rare
    -- each term of the question is in the collection (its IDF), and which ones it does not hold.
    -- `profile` tells how the collection wants its questions analysed, unless it is as by default.
    EXECUTE format($sql$
        CREATE FUNCTION %1$I(
            caller text, collection text, depth integer, filter jsonpath, query halfvec,
            terms text[], dimensions integer[], counts real[],
            least_candidates integer, most_candidates integer
        ) RETURNS TABLE (kind text, key text, value real)
        LANGUAGE plpgsql SET search_path = groundwell, public, pg_temp
        -- Planning these statements anew for each search costs a fifth of the keyword leg.
        SET plan_cache_mode = force_generic_plan
        AS $body$
        DECLARE
            wanted uuid;
            total bigint;
            restricted bigint;
            known text;
            chosen uuid[];
            matching bigint;
            -- NULL where the collection holds nothing that is not for everybody, which is the rule.
            readable integer[];
            -- NULL where the caller may see all chunks.
            visible bigint;
            restricted_counts integer[];
        BEGIN
            PERFORM set_config('groundwell.tenant', caller, true);
            SELECT c.id, c.chunk_count, c.restricted_chunks, c.profile
            INTO wanted, total, restricted, known
            FROM collections c WHERE c.name = collection;
            IF NOT FOUND THEN
                RAISE no_data_found USING MESSAGE = 'no such collection';
            END IF;
            IF known <> '' THEN
                RETURN QUERY SELECT 'profile', known, 0::real;
            END IF;
            IF restricted > 0 THEN
                -- Row-level security leaves the lists that the caller is on.
                SELECT coalesce(array_agg(r.access_id), '{}'),
                       total - restricted + coalesce(sum(r.document_frequency), 0)
                INTO readable, visible
                FROM restricted_terms r
                WHERE r.collection_id = wanted AND r.term = '' AND r.document_frequency > 0;
                visible := nullif(visible, total);
                restricted_counts := ARRAY(
                    SELECT coalesce((SELECT sum(r.document_frequency) FROM restricted_terms r
                                     WHERE r.collection_id = wanted AND r.term = t.term), 0)
                    FROM unnest(terms) WITH ORDINALITY AS t (term, place) ORDER BY t.place);
            END IF;
            IF filter IS NOT NULL THEN
                SELECT f.documents, f.chunks INTO chosen, matching
                FROM find_documents(
                    wanted, filter, CASE WHEN visible IS NOT NULL THEN readable END) AS f;
            ELSIF visible * 4 < total THEN
                -- Where little may be seen, that is a narrow filter, and found as one.
                SELECT coalesce(array_agg(d.uid), '{}'), coalesce(sum(d.chunk_count), 0)
                INTO chosen, matching
                FROM documents d
                WHERE d.collection_id = wanted
                  AND (d.access_id = 0 OR d.access_id = ANY(readable));
            END IF;
            IF query IS NOT NULL AND visible IS NULL THEN
                RETURN QUERY SELECT 'dense', v.chunk_id::text, v.score
                FROM %2$I(wanted, query, depth, chosen, matching) AS v;
            ELSIF query IS NOT NULL THEN
                RETURN QUERY SELECT 'dense', v.chunk_id::text, v.score
                FROM %2$I(wanted, query, depth, chosen, coalesce(matching, visible),
                          readable) AS v;
            END IF;
            IF terms IS NOT NULL THEN
                total := coalesce(visible, total);
                RETURN QUERY SELECT 'size', '', total::real;
                RETURN QUERY SELECT 'keyword', k.chunk_id::text, k.score
                FROM search_keyword(wanted, terms, dimensions, counts, depth, chosen, matching,
                                    least_candidates, most_candidates, readable, visible,
                                    restricted_counts) AS k;
                RETURN QUERY SELECT
                    CASE WHEN f.df > 0 THEN 'term' ELSE 'unknown' END, f.term,
                    ln(1 + (total - least(f.df, total) + 0.5) / (f.df + 0.5))::real
                FROM (
                    SELECT t.term,
                           coalesce(s.document_frequency, 0) + coalesce(t.restricted, 0) AS df
                    FROM unnest(terms, restricted_counts) AS t (term, restricted)
                    LEFT JOIN term_statistics s ON s.collection_id = wanted AND s.term = t.term
                ) AS f;
            END IF;
        END $body$;
        REVOKE ALL ON FUNCTION %1$I FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION %1$I TO groundwell_app;
    $sql$, vectors || '_legs', vectors || '_search');

    EXECUTE format($sql$
        CREATE FUNCTION %1$I(caller text, chunk_ids uuid[])
        RETURNS TABLE (chunk_id text, token_bits bytea, embedding bytea)
        LANGUAGE plpgsql SET search_path = groundwell, public, pg_temp
        AS $body$
        BEGIN
            PERFORM set_config('groundwell.tenant', caller, true);
            RETURN QUERY
            SELECT v.chunk_id::text, v.token_bits, halfvec_send(v.embedding)
            FROM %2$I v WHERE v.chunk_id = ANY(chunk_ids);
        END $body$;
        REVOKE ALL ON FUNCTION %1$I FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION %1$I TO groundwell_app;
    $sql$, vectors || '_vectors', vectors);

    EXECUTE format($sql$
        GRANT CREATE ON SCHEMA groundwell TO groundwell_search;
        ALTER FUNCTION %1$I OWNER TO groundwell_search;
        ALTER FUNCTION %2$I OWNER TO groundwell_search;
        ALTER FUNCTION %3$I OWNER TO groundwell_search;
        REVOKE CREATE ON SCHEMA groundwell FROM groundwell_search;
        REVOKE ALL ON FUNCTION %1$I, %2$I, %3$I FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION %1$I, %2$I, %3$I TO groundwell_app;
    $sql$, vectors || '_graph', vectors || '_exact', vectors || '_search');
END $outer$;
REVOKE ALL ON FUNCTION create_space_objects FROM PUBLIC;
