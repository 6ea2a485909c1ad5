grant usage on schema fn_chain to :role;
grant select, insert on fn_chain.record to :role;
