-- What users spend on language models, in tokens. Durable, unlike the counts of requests: it is money.
CREATE TABLE token_use (
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    -- In UTC.
    day date NOT NULL,
    -- Used, and reserved by calls that have not ended. Who dies with a call leaves it reserved.
    tokens bigint NOT NULL CHECK (tokens >= 0),
    PRIMARY KEY (tenant_id, user_id, day)
) WITH (fillfactor = 50);
ALTER TABLE token_use ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_use FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON token_use USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON token_use TO groundwell_app;

CREATE FUNCTION today_in_utc() RETURNS date
LANGUAGE sql VOLATILE SET search_path = groundwell, pg_temp
RETURN (clock_timestamp() AT TIME ZONE 'UTC')::date;

-- Counts `wanted` tokens if they fit into `most` a day. The row's lock makes those wait who ask at the
-- same moment, for as long as one statement takes, and each sees what the one before has left.
-- `used` is without the tokens that are wanted.
CREATE FUNCTION reserve_tokens(caller text, who uuid, wanted bigint, most bigint)
RETURNS TABLE (is_granted boolean, used bigint, of_day date, seconds_left double precision)
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
DECLARE
    tenant CONSTANT uuid := left(caller, 36)::uuid;
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    of_day := today_in_utc();
    INSERT INTO token_use AS t (tenant_id, user_id, day, tokens)
    SELECT tenant, who, of_day, wanted WHERE wanted <= most
    ON CONFLICT (tenant_id, user_id, day) DO UPDATE SET tokens = t.tokens + excluded.tokens
    WHERE t.tokens + excluded.tokens <= most
    RETURNING t.tokens - wanted INTO used;
    is_granted := FOUND;
    IF NOT is_granted THEN
        SELECT coalesce(sum(t.tokens), 0) INTO used FROM token_use t
        WHERE t.tenant_id = tenant AND t.user_id = who AND t.day = of_day;
    END IF;
    seconds_left := extract(epoch FROM (of_day + 1)::timestamp AT TIME ZONE 'UTC' - clock_timestamp());
    RETURN NEXT;
END $$;

-- Puts what was used in place of what was reserved, on the day of the reservation.
CREATE FUNCTION settle_tokens(caller text, who uuid, of_day date, change bigint) RETURNS void
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    UPDATE token_use t SET tokens = greatest(0, t.tokens + change)
    WHERE t.tenant_id = left(caller, 36)::uuid AND t.user_id = who AND t.day = of_day;
END $$;

CREATE FUNCTION read_tokens(caller text, who uuid) RETURNS bigint
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN (SELECT coalesce(sum(t.tokens), 0)::bigint FROM token_use t
            WHERE t.tenant_id = left(caller, 36)::uuid AND t.user_id = who
              AND t.day = today_in_utc());
END $$;

-- Days that are over go. Yesterday stays: what began before midnight is settled after it.
CREATE POLICY keeper_finds ON token_use FOR SELECT TO groundwell_keeper
    USING (day < today_in_utc() - 1);
CREATE POLICY keeper_forgets ON token_use FOR DELETE TO groundwell_keeper
    USING (day < today_in_utc() - 1);
GRANT SELECT, DELETE ON token_use TO groundwell_keeper;
CREATE FUNCTION forget_token_use() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = groundwell, pg_temp
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM token_use WHERE day < today_in_utc() - 1 RETURNING day
    )
    SELECT count(*) FROM gone;
END;
GRANT CREATE ON SCHEMA groundwell TO groundwell_keeper;
ALTER FUNCTION forget_token_use OWNER TO groundwell_keeper;
REVOKE CREATE ON SCHEMA groundwell FROM groundwell_keeper;

REVOKE ALL ON FUNCTION today_in_utc, reserve_tokens, settle_tokens, read_tokens, forget_token_use
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION today_in_utc, reserve_tokens, settle_tokens, read_tokens, forget_token_use
    TO groundwell_app;
GRANT EXECUTE ON FUNCTION today_in_utc TO groundwell_keeper;
