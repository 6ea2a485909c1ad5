-- +goose Up

-- Which functions want the changes of which table's rows.
create table connector.row_watch (
    relation text   not null, -- schema.table, quoted where that is needed
    function text   not null,
    events   text[] not null, -- of INSERT, MODIFY, REMOVE
    primary key (relation, function)
);

-- row_message writes the message of one row's change for one function. Changes of
-- one row, by its primary key, are one group of the queue: they are delivered in
-- the order of their commits.
-- +goose StatementBegin
create function connector.row_message(
    in_function text, in_relation text, in_event text, in_key jsonb, in_new jsonb, in_old jsonb, in_copy boolean)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    call_id text := gen_random_uuid()::text;
begin
    perform queue.enqueue(
        in_function, 'POST', '/',
        jsonb_build_object('Content-Type', jsonb_build_array('application/json'),
                           'X-Connector', jsonb_build_array('fnstore-postgres'),
                           'X-Topic', jsonb_build_array(in_relation)),
        convert_to(jsonb_build_object('Records', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
            'eventID', call_id,
            'eventName', in_event,
            'eventSource', 'fnstore:postgres',
            'eventVersion', '1.0',
            'table', in_relation,
            'copy', case when in_copy then true end))
            || jsonb_build_object('change', jsonb_build_object('ChangedAt', clock_timestamp(), 'Keys', in_key)
                || case when in_new is null then '{}' else jsonb_build_object('NewImage', in_new) end
                || case when in_old is null then '{}' else jsonb_build_object('OldImage', in_old) end)))::text, 'UTF8'),
        call_id, 'row ' || in_relation || ' ' || in_key::text, true, 3, interval '0', null, null, null, null);
end $$;
-- +goose StatementEnd
revoke all on function connector.row_message from public;

-- row_change is the trigger of every watched table. Its arguments are the table's
-- name and those of its primary key's columns. It runs as the owner, so whoever changes a row needs
-- no right on the queue.
-- +goose StatementBegin
create function connector.row_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    name   text := tg_argv[0]; -- a partition has another name than its table
    event  text := case tg_op when 'INSERT' then 'INSERT' when 'UPDATE' then 'MODIFY' else 'REMOVE' end;
    before jsonb;
    after  jsonb;
    keys   jsonb;
    fn     text;
begin
    if tg_op <> 'INSERT' then before := to_jsonb(old); end if;
    if tg_op <> 'DELETE' then after := to_jsonb(new); end if;
    if before = after then
        return null; -- nothing changed
    end if;
    select coalesce(jsonb_object_agg(column_name, coalesce(before, after) -> column_name), '{}')
    into keys from unnest(tg_argv[1]::text[]) column_name;
    for fn in select w.function from connector.row_watch w where w.relation = name and event = any(w.events) loop
        perform connector.row_message(fn, name, event, keys, after, before, false);
    end loop;
    return null;
end $$;
-- +goose StatementEnd
revoke all on function connector.row_change from public;

-- truncate removes rows without naming them, so nobody would hear of it.
-- +goose StatementBegin
create function connector.refuse_truncate() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'a function watches the rows of %.%, and TRUNCATE names none of them', tg_table_schema, tg_table_name
        using errcode = 'FN409', hint = 'Use DELETE, or remove the table from the annotation fnstore.postgres.watch first.';
end $$;
-- +goose StatementEnd

-- +goose Down
drop function connector.refuse_truncate, connector.row_change, connector.row_message;
drop table connector.row_watch;
