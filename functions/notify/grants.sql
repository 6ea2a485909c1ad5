grant usage on schema fn_notify to :role;
grant select, insert, delete on fn_notify.subscription to :role;
grant select, insert on fn_notify.notification to :role;
grant select, insert, update on fn_notify.delivery to :role;

-- maintenance removes what has expired, and reports.
grant usage on schema fn_notify to :role(maintenance);
grant execute on function fn_notify.sweep_notification(int) to :role(maintenance);
grant select on fn_notify.report_notifications to :role(maintenance);
