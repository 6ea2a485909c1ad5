grant usage on schema fn_users to :role;
grant select, insert, update, delete on fn_users.users to :role;
grant select, insert, update, delete on fn_users.idempotency to :role;
