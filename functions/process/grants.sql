grant usage on schema fn_process to :role;
grant select, insert on fn_process.records to :role;
grant select, insert, delete on fn_process.reject to :role;

-- A file may go into a table when insert is granted.
grant select, insert on fn_process.readings to :role;

-- maintenance removes what has expired.
grant usage on schema fn_process to :role(maintenance);
grant execute on function fn_process.sweep_reject(int) to :role(maintenance);
