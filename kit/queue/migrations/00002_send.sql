-- +goose Up

-- Who may send to whom: rows of the store, which makes them from a function's
-- annotation fnstore.sends when it is deployed. A function cannot write here.
create table queue.sender (
    role   name not null, -- the function's login
    sender text not null, -- the function
    target text not null, -- the function that it may send to
    primary key (role, target)
);

-- send is a function's way in. The sender is whoever logged in: session_user
-- stays the same whatever SET ROLE or a SECURITY DEFINER function does. A message
-- to an allowed target is signed when it is delivered, as one of the event plane;
-- any other target is refused. It takes part in the caller's transaction.
--
-- A dedup key is the sender's own, so no function can use up another's. A group
-- is shared by all who send to the target: its order is the target's.
-- +goose StatementBegin
create function queue.send(
    in_target text, in_path text, in_headers jsonb, in_body bytea,
    in_group text, in_delay interval, in_dedup_key text,
    out id bigint, out call_id text, out duplicate boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    from_function text;
    bad text;
begin
    select s.sender into from_function from queue.sender s where s.role = session_user and s.target = in_target;
    if not found then
        raise exception '% may not send to %: its annotation fnstore.sends does not name it', session_user, coalesce(in_target, 'nobody')
            using errcode = 'FN403';
    end if;
    in_path := coalesce(in_path, '/');
    in_headers := coalesce(in_headers, '{}');
    bad := case
        when in_path !~ '^/[!-~]*$' or length(in_path) > 8192 then 'the path must begin with / and have no spaces, control characters or characters beyond ASCII, at most 8192'
        when jsonb_typeof(in_headers) <> 'object' or length(in_headers::text) > 65536 then 'the headers must be an object of at most 64 KiB'
        when exists (
            select from jsonb_each(case jsonb_typeof(in_headers) when 'object' then in_headers else '{}' end) h
            where h.key !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]+$' or jsonb_typeof(h.value) <> 'array'
               or exists (select from jsonb_array_elements(case jsonb_typeof(h.value) when 'array' then h.value else '[]' end) v
                          where jsonb_typeof(v) <> 'string' or v #>> '{}' ~ '[\x01-\x08\x0a-\x1f\x7f]')
        ) then 'a header must be a name and an array of strings without control characters'
        when octet_length(in_body) > 10485760 then 'the body may have 10485760 bytes'
        when length(in_group) > 256 or length(in_dedup_key) > 256 then 'a group and a dedup key may have 256 characters'
        when in_delay < interval '0' or in_delay > interval '366 days' then 'the delay must be between nothing and 366 days'
    end;
    if bad is not null then
        raise exception '%', bad using errcode = 'FN400';
    end if;
    select e.id, e.call_id, e.duplicate into id, call_id, duplicate
    from queue.enqueue(
        in_fn => in_target, in_method => 'POST', in_path => in_path, in_headers => in_headers, in_body => in_body,
        in_call_id => gen_random_uuid()::text, in_group => in_group, in_trusted => true, in_max_attempts => 3,
        in_delay => coalesce(in_delay, interval '0'), in_deadline => null, in_callback => null,
        in_dedup_key => 'sent by ' || from_function || ': ' || in_dedup_key, in_dedup_window => interval '5 minutes') e;
end $$;
-- +goose StatementEnd
revoke all on function queue.send from public;
revoke all on function queue.maintain from public;

-- allow makes the targets of a role exactly these. Without any, the role may not
-- even call send. It is the store's owner's.
-- +goose StatementBegin
create function queue.allow(in_role name, in_sender text, in_targets text[]) returns void language plpgsql as $$
begin
    delete from queue.sender where role = in_role;
    insert into queue.sender (role, sender, target) select distinct in_role, in_sender, t from unnest(in_targets) t;
    if found then
        execute format('grant usage on schema queue to %I', in_role);
        execute format('grant execute on function queue.send(text, text, jsonb, bytea, text, interval, text) to %I', in_role);
    elsif exists (select from pg_roles where rolname = in_role) then
        execute format('revoke all on function queue.send(text, text, jsonb, bytea, text, interval, text) from %I', in_role);
        execute format('revoke usage on schema queue from %I', in_role);
    end if;
end $$;
-- +goose StatementEnd
revoke all on function queue.allow from public;

-- +goose Down
drop function queue.allow;
drop function queue.send;
drop table queue.sender;
