grant usage on schema fn_user_events to :role;
grant select, insert on fn_user_events.event to :role;
grant select, insert, update on fn_user_events.person to :role;

-- maintenance removes what has expired, and reports.
grant usage on schema fn_user_events to :role(maintenance);
grant execute on function fn_user_events.sweep_event(int) to :role(maintenance);
grant select on fn_user_events.report_events to :role(maintenance);
