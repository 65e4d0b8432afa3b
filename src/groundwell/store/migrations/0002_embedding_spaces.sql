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
        CREATE POLICY tenant_rows ON %1$I USING (tenant_id = (SELECT current_tenant()))
            WITH CHECK (tenant_id = (SELECT current_tenant()));
        CREATE POLICY search_reads ON %1$I FOR SELECT TO groundwell_search USING (true);
        GRANT SELECT, INSERT, UPDATE, DELETE ON %1$I TO groundwell_app;
        GRANT SELECT ON %1$I TO groundwell_search;
    $sql$, vectors, dimension);

    -- By the graph. May return fewer rows than exist when the filter is narrow.
    EXECUTE format($sql$
        CREATE FUNCTION %2$I(collection uuid, query halfvec, depth integer, filter jsonpath)
        RETURNS TABLE (chunk_id uuid, score real)
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
            IF filter IS NULL THEN
                RETURN QUERY
                SELECT v.chunk_id, (-(v.embedding <#> query))::real FROM %1$I v
                WHERE v.collection_id = collection AND v.tenant_id = tenant
                ORDER BY v.embedding <#> query LIMIT depth;
            ELSE
                RETURN QUERY
                SELECT v.chunk_id, (-(v.embedding <#> query))::real FROM %1$I v
                WHERE v.collection_id = collection AND v.tenant_id = tenant
                  AND v.document_uid IN (SELECT d.uid FROM documents d
                      WHERE d.collection_id = collection AND d.attributes @@ filter)
                ORDER BY v.embedding <#> query LIMIT depth;
            END IF;
        END $body$;
    $sql$, vectors, vectors || '_graph');

    -- By looking at every row. The addition keeps the planner from using the graph.
    EXECUTE format($sql$
        CREATE FUNCTION %2$I(collection uuid, query halfvec, depth integer, filter jsonpath)
        RETURNS TABLE (chunk_id uuid, score real)
        LANGUAGE plpgsql STABLE SECURITY DEFINER
        SET search_path = groundwell, public, pg_temp
        AS $body$
        DECLARE
            tenant uuid := current_tenant();
        BEGIN
            IF filter IS NULL THEN
                RETURN QUERY
                SELECT v.chunk_id, (-(v.embedding <#> query))::real FROM %1$I v
                WHERE v.collection_id = collection AND v.tenant_id = tenant
                ORDER BY (v.embedding <#> query) + 0, v.chunk_id LIMIT depth;
            ELSE
                RETURN QUERY
                SELECT v.chunk_id, (-(v.embedding <#> query))::real FROM %1$I v
                WHERE v.collection_id = collection AND v.tenant_id = tenant
                  AND v.document_uid IN (SELECT d.uid FROM documents d
                      WHERE d.collection_id = collection AND d.attributes @@ filter)
                ORDER BY (v.embedding <#> query) + 0, v.chunk_id LIMIT depth;
            END IF;
        END $body$;
    $sql$, vectors, vectors || '_exact');

    -- The dense leg: whichever way is estimated to be cheaper. An exact scan costs about 1.2 us
    -- a row; the graph about 2 ms, times the share of foreign rows it has to step over.
    EXECUTE format($sql$
        CREATE FUNCTION %2$I(collection uuid, query halfvec, depth integer, filter jsonpath)
        RETURNS TABLE (chunk_id uuid, score real)
        LANGUAGE plpgsql STABLE SECURITY DEFINER
        SET search_path = groundwell, public, pg_temp
        AS $body$
        DECLARE
            matching bigint;
            total double precision;
            found_rows integer;
        BEGIN
            SELECT c.chunk_count INTO matching FROM collections c
            WHERE c.id = collection AND c.tenant_id = current_tenant();
            IF matching IS NULL THEN
                RETURN;
            END IF;
            IF filter IS NOT NULL THEN
                SELECT coalesce(sum(d.chunk_count), 0) INTO matching FROM documents d
                WHERE d.collection_id = collection AND d.attributes @@ filter;
            END IF;
            SELECT greatest(c.reltuples, matching) INTO total
            FROM pg_class c WHERE c.oid = %3$L::regclass;
            IF matching * 1.2 > 2000 * total / greatest(matching, 1) THEN
                RETURN QUERY SELECT * FROM %4$I(collection, query, depth, filter);
                GET DIAGNOSTICS found_rows = ROW_COUNT;
                IF found_rows >= least(depth, matching) THEN
                    RETURN;
                END IF;
                -- Rows already returned are returned again, with the same scores; the caller
                -- keeps one of each.
            END IF;
            RETURN QUERY SELECT * FROM %5$I(collection, query, depth, filter);
        END $body$;
    $sql$, vectors, vectors || '_search', 'groundwell.' || vectors, vectors || '_graph',
        vectors || '_exact');

    -- Both legs of a search in one round trip: the tenant and the question travel in one
    -- statement. A leg whose question is NULL does not run. The keyword leg also tells how rare
    -- each term of the question is in the collection (its IDF).
    EXECUTE format($sql$
        CREATE FUNCTION %1$I(
            tenant uuid, collection text, depth integer, filter jsonpath, query halfvec,
            terms text[], dimensions integer[], counts integer[],
            least_candidates integer, most_candidates integer
        ) RETURNS TABLE (kind text, key text, value real)
        LANGUAGE plpgsql SET search_path = groundwell, public, pg_temp
        -- Planning these statements anew for each search costs a fifth of the keyword leg.
        SET plan_cache_mode = force_generic_plan
        AS $body$
        DECLARE
            wanted uuid;
            total bigint;
        BEGIN
            PERFORM set_config('groundwell.tenant', tenant::text, true);
            SELECT c.id, c.chunk_count INTO wanted, total
            FROM collections c WHERE c.name = collection;
            IF NOT FOUND THEN
                RAISE no_data_found USING MESSAGE = 'no such collection';
            END IF;
            IF query IS NOT NULL THEN
                RETURN QUERY SELECT 'dense', v.chunk_id::text, v.score
                FROM %2$I(wanted, query, depth, filter) AS v;
            END IF;
            IF terms IS NOT NULL THEN
                RETURN QUERY SELECT 'keyword', k.chunk_id::text, k.score
                FROM search_keyword(wanted, terms, dimensions, counts, depth, filter,
                                    least_candidates, most_candidates) AS k;
                RETURN QUERY SELECT 'term', t.term,
                    ln(1 + (total - least(coalesce(s.document_frequency, 0), total) + 0.5)
                           / (coalesce(s.document_frequency, 0) + 0.5))::real
                FROM unnest(terms) AS t (term)
                LEFT JOIN term_statistics s ON s.collection_id = wanted AND s.term = t.term;
            END IF;
        END $body$;
        REVOKE ALL ON FUNCTION %1$I FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION %1$I TO groundwell_app;
    $sql$, vectors || '_legs', vectors || '_search');

    EXECUTE format($sql$
        CREATE FUNCTION %1$I(tenant uuid, chunk_ids uuid[])
        RETURNS TABLE (chunk_id text, token_bits bytea)
        LANGUAGE plpgsql SET search_path = groundwell, public, pg_temp
        AS $body$
        BEGIN
            PERFORM set_config('groundwell.tenant', tenant::text, true);
            RETURN QUERY
            SELECT v.chunk_id::text, v.token_bits FROM %2$I v WHERE v.chunk_id = ANY(chunk_ids);
        END $body$;
        REVOKE ALL ON FUNCTION %1$I FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION %1$I TO groundwell_app;
    $sql$, vectors || '_bits', vectors);

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
