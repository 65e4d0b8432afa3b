-- Tiers, names that an identity provider gives, and users who are disabled.

ALTER TABLE users
    ADD COLUMN tier text NOT NULL DEFAULT 'free' CHECK (tier IN ('free', 'premium')),
    -- What an access token or a gateway calls the user; NULL for one who has keys only.
    ADD COLUMN subject text,
    ADD COLUMN disabled_at timestamptz,
    ADD CONSTRAINT users_subject UNIQUE (tenant_id, subject);

-- The role is read with the key: a role that was taken away takes its keys' scopes along.
DROP FUNCTION find_api_key;
CREATE FUNCTION find_api_key(key_id text)
RETURNS TABLE (
    tenant_id uuid, user_id uuid, digest bytea, scopes text[], role text, tier text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = groundwell, pg_temp
BEGIN ATOMIC
    SELECT k.tenant_id, k.user_id, k.digest, k.scopes, u.role, u.tier
    FROM api_keys k JOIN users u ON u.id = k.user_id
    WHERE k.id = key_id
      AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > now())
      AND u.disabled_at IS NULL;
END;

CREATE OR REPLACE FUNCTION find_first_owner()
RETURNS TABLE (tenant_id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = groundwell, pg_temp
BEGIN ATOMIC
    SELECT u.tenant_id, u.id FROM users u
    WHERE u.role = 'owner' AND u.disabled_at IS NULL
    ORDER BY u.created_at, u.id
    LIMIT 1;
END;

-- The tenant of those who name none: there must be one only.
CREATE FUNCTION find_only_tenant() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = groundwell, pg_temp
BEGIN ATOMIC
    SELECT t.id FROM tenants t
    WHERE NOT EXISTS (SELECT FROM tenants other WHERE other.id <> t.id);
END;

GRANT CREATE ON SCHEMA groundwell TO groundwell_search;
ALTER FUNCTION find_api_key OWNER TO groundwell_search;
ALTER FUNCTION find_only_tenant OWNER TO groundwell_search;
REVOKE CREATE ON SCHEMA groundwell FROM groundwell_search;
REVOKE ALL ON FUNCTION find_api_key, find_only_tenant FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_api_key, find_only_tenant TO groundwell_app;
