grant usage on schema fn_maintenance to :role;
grant select, insert on fn_maintenance.run to :role;
grant select, insert on fn_maintenance.reservation to :role;
grant execute on function fn_maintenance.sweep_run(int) to :role;
grant execute on function fn_maintenance.sweep_reservation(int) to :role;
grant select on fn_maintenance.report_reservations to :role;
