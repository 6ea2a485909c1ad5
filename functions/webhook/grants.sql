grant usage on schema fn_webhook to :role;
grant select, insert, delete on fn_webhook.delivery to :role;
