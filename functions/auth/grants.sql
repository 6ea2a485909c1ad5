grant usage on schema fn_auth to :role;
grant select, insert, update on fn_auth.account to :role;
grant select, insert, update, delete on fn_auth.family to :role;
grant select, insert, update, delete on fn_auth.refresh to :role;
grant select, insert, delete on fn_auth.api_key to :role;
grant execute on function fn_auth.key_of(bytea) to :role;

-- users checks API keys.
grant usage on schema fn_auth to :role(users);
grant execute on function fn_auth.key_of(bytea) to :role(users);
