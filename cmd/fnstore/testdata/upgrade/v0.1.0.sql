-- Made by make.sh with a store of v0.1.0. Roles belong to the server and are not in a dump.
create role fn_hello login;
create role fn_ledger login;
create role fn_thumbnail login;

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA "app";

ALTER SCHEMA "app" OWNER TO "fnstore";

CREATE SCHEMA "migration";

ALTER SCHEMA "migration" OWNER TO "fnstore";

CREATE SCHEMA "objects";

ALTER SCHEMA "objects" OWNER TO "fnstore";

COMMENT ON SCHEMA "public" IS 'standard public schema';

CREATE SCHEMA "queue";

ALTER SCHEMA "queue" OWNER TO "fnstore";

CREATE FUNCTION "queue"."enqueue"("in_fn" "text", "in_method" "text", "in_path" "text", "in_headers" "jsonb", "in_body" "bytea", "in_call_id" "text", "in_group" "text", "in_trusted" boolean, "in_max_attempts" integer, "in_delay" interval, "in_deadline" timestamp with time zone, "in_callback" "text", "in_dedup_key" "text", "in_dedup_window" interval, OUT "id" bigint, OUT "call_id" "text", OUT "duplicate" boolean) RETURNS "record"
    LANGUAGE "plpgsql" SECURITY DEFINER
    SET "search_path" TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    fingerprint bytea;
    held queue.dedup;
begin
    duplicate := false;
    call_id := in_call_id;
    if in_dedup_key is not null then
        fingerprint := sha256(convert_to(in_method || ' ' || in_path, 'UTF8') || '\x00'::bytea || coalesce(in_body, ''::bytea));
        -- The row is claimed first; its message is named below. A second
        -- caller waits here until the first one's transaction ends.
        insert into queue.dedup as d (fn, key, message_id, call_id, digest, expires_at)
        values (in_fn, in_dedup_key, 0, in_call_id, fingerprint, clock_timestamp() + in_dedup_window)
        on conflict (fn, key) do update
            set message_id = 0, call_id = excluded.call_id, digest = excluded.digest, expires_at = excluded.expires_at
            where d.expires_at <= clock_timestamp();
        if not found then
            select * into held from queue.dedup d where d.fn = in_fn and d.key = in_dedup_key;
            if held.digest <> fingerprint then
                raise exception 'the key % was used for another message', in_dedup_key
                    using errcode = 'FN422';
            end if;
            id := held.message_id;
            call_id := held.call_id;
            duplicate := true;
            return;
        end if;
    end if;
    if in_group is not null then
        -- Held to the end of the transaction: ids of a group follow the order
        -- of their commits, and nobody finishes the one before meanwhile.
        perform pg_advisory_xact_lock(hashtextextended(in_fn || '/' || in_group, 0));
    end if;
    insert into queue.message (fn, grp, blocked, method, path, headers, body, callback, call_id, trusted,
                               max_attempts, visible_at, deadline)
    values (in_fn, in_group,
            in_group is not null and exists (select from queue.message m where m.fn = in_fn and m.grp = in_group),
            in_method, in_path, in_headers, in_body, in_callback, in_call_id, in_trusted,
            in_max_attempts, clock_timestamp() + in_delay, in_deadline)
    returning message.id into id;
    if in_dedup_key is not null then
        update queue.dedup d set message_id = enqueue.id where d.fn = in_fn and d.key = in_dedup_key;
    end if;
end $$;

ALTER FUNCTION "queue"."enqueue"("in_fn" "text", "in_method" "text", "in_path" "text", "in_headers" "jsonb", "in_body" "bytea", "in_call_id" "text", "in_group" "text", "in_trusted" boolean, "in_max_attempts" integer, "in_delay" interval, "in_deadline" timestamp with time zone, "in_callback" "text", "in_dedup_key" "text", "in_dedup_window" interval, OUT "id" bigint, OUT "call_id" "text", OUT "duplicate" boolean) OWNER TO "fnstore";

CREATE FUNCTION "queue"."maintain"("keep" interval) RETURNS "void"
    LANGUAGE "plpgsql"
    AS $_$
declare
    day date;
    part regclass;
begin
    perform pg_advisory_xact_lock(hashtextextended('queue.maintain', 0));
    for day in select generate_series(current_date, current_date + 2, '1 day')::date loop
        if to_regclass('queue.done_' || to_char(day, 'YYYYMMDD')) is null
           and not exists (select from queue.done_rest where finished_at >= day and finished_at < day + 1) then
            execute format('create table queue.%I partition of queue.done for values from (%L) to (%L)',
                           'done_' || to_char(day, 'YYYYMMDD'), day, day + 1);
        end if;
    end loop;
    for part in select inhrelid::regclass from pg_inherits where inhparent = 'queue.done'::regclass loop
        if part::text ~ '^queue\.done_\d{8}$' and to_date(right(part::text, 8), 'YYYYMMDD') < current_date - keep then
            execute format('drop table %s', part);
        end if;
    end loop;
    delete from queue.done_rest where finished_at < now() - keep;
    delete from queue.dedup where expires_at < now();
end $_$;

ALTER FUNCTION "queue"."maintain"("keep" interval) OWNER TO "fnstore";

SET default_tablespace = '';

SET default_table_access_method = "heap";

CREATE TABLE "app"."entry" (
    "id" integer NOT NULL,
    "amount" numeric NOT NULL
);

ALTER TABLE "app"."entry" OWNER TO "fnstore";

CREATE TABLE "app"."notes" (
    "n" integer,
    "text" "text"
);

ALTER TABLE "app"."notes" OWNER TO "fn_ledger";

CREATE TABLE "migration"."fn_ledger" (
    "id" integer NOT NULL,
    "version_id" bigint NOT NULL,
    "is_applied" boolean NOT NULL,
    "tstamp" timestamp without time zone DEFAULT "now"() NOT NULL
);

ALTER TABLE "migration"."fn_ledger" OWNER TO "fnstore";

ALTER TABLE "migration"."fn_ledger" ALTER COLUMN "id" ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME "migration"."fn_ledger_id_seq"
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE "migration"."kit_queue" (
    "id" integer NOT NULL,
    "version_id" bigint NOT NULL,
    "is_applied" boolean NOT NULL,
    "tstamp" timestamp without time zone DEFAULT "now"() NOT NULL
);

ALTER TABLE "migration"."kit_queue" OWNER TO "fnstore";

ALTER TABLE "migration"."kit_queue" ALTER COLUMN "id" ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME "migration"."kit_queue_id_seq"
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE "migration"."objects" (
    "id" integer NOT NULL,
    "version_id" bigint NOT NULL,
    "is_applied" boolean NOT NULL,
    "tstamp" timestamp without time zone DEFAULT "now"() NOT NULL
);

ALTER TABLE "migration"."objects" OWNER TO "fnstore";

ALTER TABLE "migration"."objects" ALTER COLUMN "id" ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME "migration"."objects_id_seq"
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE "objects"."bucket" (
    "name" "text" NOT NULL COLLATE "pg_catalog"."C",
    "created_at" timestamp with time zone DEFAULT "now"() NOT NULL
);

ALTER TABLE "objects"."bucket" OWNER TO "fnstore";

CREATE TABLE "objects"."object" (
    "bucket" "text" NOT NULL COLLATE "pg_catalog"."C",
    "key" "bytea" NOT NULL,
    "blob" "uuid" NOT NULL,
    "size" bigint NOT NULL,
    "etag" "bytea" NOT NULL,
    "meta" "jsonb" NOT NULL,
    "modified_at" timestamp with time zone DEFAULT "now"() NOT NULL,
    "sequencer" bigint NOT NULL,
    CONSTRAINT "object_key_check" CHECK ((("octet_length"("key") >= 1) AND ("octet_length"("key") <= 1024))),
    CONSTRAINT "object_size_check" CHECK (("size" >= 0))
);

ALTER TABLE "objects"."object" OWNER TO "fnstore";

CREATE TABLE "objects"."part" (
    "upload" "uuid" NOT NULL,
    "number" integer NOT NULL,
    "blob" "uuid" NOT NULL,
    "size" bigint NOT NULL,
    "etag" "bytea" NOT NULL,
    "modified_at" timestamp with time zone DEFAULT "now"() NOT NULL,
    CONSTRAINT "part_number_check" CHECK ((("number" >= 1) AND ("number" <= 10000)))
);

ALTER TABLE "objects"."part" OWNER TO "fnstore";

CREATE SEQUENCE "objects"."sequencer"
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER TABLE "objects"."sequencer" OWNER TO "fnstore";

CREATE TABLE "objects"."upload" (
    "id" "uuid" NOT NULL,
    "bucket" "text" NOT NULL COLLATE "pg_catalog"."C",
    "key" "bytea" NOT NULL,
    "meta" "jsonb" NOT NULL,
    "etag" "bytea",
    "created_at" timestamp with time zone DEFAULT "now"() NOT NULL,
    "touched_at" timestamp with time zone DEFAULT "now"() NOT NULL
);

ALTER TABLE "objects"."upload" OWNER TO "fnstore";

CREATE TABLE "queue"."dead" (
    "id" bigint NOT NULL,
    "fn" "text" NOT NULL,
    "grp" "text",
    "method" "text" NOT NULL,
    "path" "text" NOT NULL,
    "headers" "jsonb" NOT NULL,
    "body" "bytea",
    "body_ref" "text",
    "callback" "text",
    "call_id" "text" NOT NULL,
    "trusted" boolean NOT NULL,
    "created_at" timestamp with time zone NOT NULL,
    "deadline" timestamp with time zone,
    "attempt" integer NOT NULL,
    "max_attempts" integer NOT NULL,
    "history" "jsonb" NOT NULL,
    "died_at" timestamp with time zone NOT NULL,
    "code" "text" NOT NULL,
    "reason" "text" NOT NULL
);

ALTER TABLE "queue"."dead" OWNER TO "fnstore";

CREATE TABLE "queue"."dedup" (
    "fn" "text" NOT NULL,
    "key" "text" NOT NULL,
    "message_id" bigint NOT NULL,
    "call_id" "text" NOT NULL,
    "digest" "bytea" NOT NULL,
    "expires_at" timestamp with time zone NOT NULL
);

ALTER TABLE "queue"."dedup" OWNER TO "fnstore";

CREATE TABLE "queue"."done" (
    "id" bigint NOT NULL,
    "fn" "text" NOT NULL,
    "grp" "text",
    "call_id" "text" NOT NULL,
    "created_at" timestamp with time zone NOT NULL,
    "finished_at" timestamp with time zone NOT NULL,
    "attempt" integer NOT NULL,
    "status" integer NOT NULL,
    "history" "jsonb" NOT NULL
)
PARTITION BY RANGE ("finished_at");

ALTER TABLE "queue"."done" OWNER TO "fnstore";

CREATE TABLE "queue"."done_20261130" (
    "id" bigint NOT NULL,
    "fn" "text" NOT NULL,
    "grp" "text",
    "call_id" "text" NOT NULL,
    "created_at" timestamp with time zone NOT NULL,
    "finished_at" timestamp with time zone NOT NULL,
    "attempt" integer NOT NULL,
    "status" integer NOT NULL,
    "history" "jsonb" NOT NULL
);

ALTER TABLE "queue"."done_20261130" OWNER TO "fnstore";

CREATE TABLE "queue"."done_20261201" (
    "id" bigint NOT NULL,
    "fn" "text" NOT NULL,
    "grp" "text",
    "call_id" "text" NOT NULL,
    "created_at" timestamp with time zone NOT NULL,
    "finished_at" timestamp with time zone NOT NULL,
    "attempt" integer NOT NULL,
    "status" integer NOT NULL,
    "history" "jsonb" NOT NULL
);

ALTER TABLE "queue"."done_20261201" OWNER TO "fnstore";

CREATE TABLE "queue"."done_20261202" (
    "id" bigint NOT NULL,
    "fn" "text" NOT NULL,
    "grp" "text",
    "call_id" "text" NOT NULL,
    "created_at" timestamp with time zone NOT NULL,
    "finished_at" timestamp with time zone NOT NULL,
    "attempt" integer NOT NULL,
    "status" integer NOT NULL,
    "history" "jsonb" NOT NULL
);

ALTER TABLE "queue"."done_20261202" OWNER TO "fnstore";

CREATE TABLE "queue"."done_rest" (
    "id" bigint NOT NULL,
    "fn" "text" NOT NULL,
    "grp" "text",
    "call_id" "text" NOT NULL,
    "created_at" timestamp with time zone NOT NULL,
    "finished_at" timestamp with time zone NOT NULL,
    "attempt" integer NOT NULL,
    "status" integer NOT NULL,
    "history" "jsonb" NOT NULL
);

ALTER TABLE "queue"."done_rest" OWNER TO "fnstore";

CREATE TABLE "queue"."message" (
    "id" bigint NOT NULL,
    "fn" "text" NOT NULL,
    "grp" "text",
    "blocked" boolean DEFAULT false NOT NULL,
    "method" "text" NOT NULL,
    "path" "text" NOT NULL,
    "headers" "jsonb" NOT NULL,
    "body" "bytea",
    "body_ref" "text",
    "callback" "text",
    "call_id" "text" NOT NULL,
    "trusted" boolean NOT NULL,
    "created_at" timestamp with time zone DEFAULT "now"() NOT NULL,
    "deadline" timestamp with time zone,
    "visible_at" timestamp with time zone DEFAULT "now"() NOT NULL,
    "attempt" integer DEFAULT 0 NOT NULL,
    "max_attempts" integer NOT NULL,
    "fence" bigint DEFAULT 0 NOT NULL,
    "leased_by" integer,
    "history" "jsonb" DEFAULT '[]'::"jsonb" NOT NULL,
    CONSTRAINT "message_max_attempts_check" CHECK (("max_attempts" > 0))
)
WITH ("autovacuum_vacuum_scale_factor"='0.02', "autovacuum_vacuum_cost_delay"='0', "fillfactor"='70');

ALTER TABLE "queue"."message" OWNER TO "fnstore";

ALTER TABLE "queue"."message" ALTER COLUMN "id" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME "queue"."message_id_seq"
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE "queue"."session"
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
    CYCLE;

ALTER TABLE "queue"."session" OWNER TO "fnstore";

ALTER TABLE ONLY "queue"."done" ATTACH PARTITION "queue"."done_20261130" FOR VALUES FROM ('2026-11-30 00:00:00+00') TO ('2026-12-01 00:00:00+00');

ALTER TABLE ONLY "queue"."done" ATTACH PARTITION "queue"."done_20261201" FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2026-12-02 00:00:00+00');

ALTER TABLE ONLY "queue"."done" ATTACH PARTITION "queue"."done_20261202" FOR VALUES FROM ('2026-12-02 00:00:00+00') TO ('2026-12-03 00:00:00+00');

ALTER TABLE ONLY "queue"."done" ATTACH PARTITION "queue"."done_rest" DEFAULT;

INSERT INTO "app"."entry" VALUES (1, 1.5);
INSERT INTO "app"."entry" VALUES (2, 3.0);
INSERT INTO "app"."entry" VALUES (3, 4.5);
INSERT INTO "app"."entry" VALUES (4, 6.0);
INSERT INTO "app"."entry" VALUES (5, 7.5);
INSERT INTO "app"."entry" VALUES (6, 9.0);
INSERT INTO "app"."entry" VALUES (7, 10.5);
INSERT INTO "app"."entry" VALUES (8, 12.0);
INSERT INTO "app"."entry" VALUES (9, 13.5);
INSERT INTO "app"."entry" VALUES (10, 15.0);
INSERT INTO "app"."entry" VALUES (11, 16.5);
INSERT INTO "app"."entry" VALUES (12, 18.0);
INSERT INTO "app"."entry" VALUES (13, 19.5);
INSERT INTO "app"."entry" VALUES (14, 21.0);
INSERT INTO "app"."entry" VALUES (15, 22.5);
INSERT INTO "app"."entry" VALUES (16, 24.0);
INSERT INTO "app"."entry" VALUES (17, 25.5);
INSERT INTO "app"."entry" VALUES (18, 27.0);
INSERT INTO "app"."entry" VALUES (19, 28.5);
INSERT INTO "app"."entry" VALUES (20, 30.0);

INSERT INTO "app"."notes" VALUES (1, 'note 1');
INSERT INTO "app"."notes" VALUES (2, 'note 2');
INSERT INTO "app"."notes" VALUES (3, 'note 3');
INSERT INTO "app"."notes" VALUES (4, 'note 4');
INSERT INTO "app"."notes" VALUES (5, 'note 5');

INSERT INTO "migration"."fn_ledger" VALUES (1, 0, true, '2026-11-30 20:38:35.778612');
INSERT INTO "migration"."fn_ledger" VALUES (2, 1, true, '2026-11-30 20:38:35.801227');

INSERT INTO "migration"."kit_queue" VALUES (1, 0, true, '2026-11-30 20:38:34.887608');
INSERT INTO "migration"."kit_queue" VALUES (2, 1, true, '2026-11-30 20:38:34.961645');

INSERT INTO "migration"."objects" VALUES (1, 0, true, '2026-11-30 20:38:35.446678');
INSERT INTO "migration"."objects" VALUES (2, 1, true, '2026-11-30 20:38:35.547273');

INSERT INTO "objects"."bucket" VALUES ('uploads', '2026-11-30 20:40:38.552278+00');
INSERT INTO "objects"."bucket" VALUES ('thumbnails', '2026-11-30 20:40:38.571074+00');

INSERT INTO "objects"."object" VALUES ('uploads', '\x616c62756d2f70686f746f2d312e706e67', 'f362b408-dfaf-8b08-2af1-307391f2be92', 70, '\xf829b914fc47cfc9c0747c119c27cf1b', '{"Content-Type": "image/png"}', '2026-11-30 20:40:41.088736+00', 1);
INSERT INTO "objects"."object" VALUES ('thumbnails', '\x7468756d626e61696c732f313030782f616c62756d2f70686f746f2d312e706e67', 'fb5b8dc1-a527-e338-ab3c-b8379733f94f', 74, '\x80f77896b4f2e716dd3097c863165230', '{"Content-Type": "image/png", "X-Amz-Meta-Fnstore-Engine": "lanczos3-1", "X-Amz-Meta-Fnstore-Source-Etag": "f829b914fc47cfc9c0747c119c27cf1b"}', '2026-11-30 20:40:41.23496+00', 2);
INSERT INTO "objects"."object" VALUES ('uploads', '\x616c62756d2f70686f746f2d322e706e67', 'ffd3750c-39e2-3ef8-0e10-4e13225d5af0', 70, '\xf829b914fc47cfc9c0747c119c27cf1b', '{"Content-Type": "image/png"}', '2026-11-30 20:40:41.276998+00', 3);
INSERT INTO "objects"."object" VALUES ('thumbnails', '\x7468756d626e61696c732f323030782f616c62756d2f70686f746f2d312e706e67', '21377007-9e72-6772-4c8d-609e0c2dd365', 74, '\x80f77896b4f2e716dd3097c863165230', '{"Content-Type": "image/png", "X-Amz-Meta-Fnstore-Engine": "lanczos3-1", "X-Amz-Meta-Fnstore-Source-Etag": "f829b914fc47cfc9c0747c119c27cf1b"}', '2026-11-30 20:40:41.280929+00', 4);
INSERT INTO "objects"."object" VALUES ('thumbnails', '\x7468756d626e61696c732f343030782f616c62756d2f70686f746f2d312e706e67', '423d5ab8-4554-0417-088d-e0b9b58ef845', 74, '\x80f77896b4f2e716dd3097c863165230', '{"Content-Type": "image/png", "X-Amz-Meta-Fnstore-Engine": "lanczos3-1", "X-Amz-Meta-Fnstore-Source-Etag": "f829b914fc47cfc9c0747c119c27cf1b"}', '2026-11-30 20:40:41.306708+00', 5);
INSERT INTO "objects"."object" VALUES ('thumbnails', '\x7468756d626e61696c732f313030782f616c62756d2f70686f746f2d322e706e67', '73be58e4-a89b-b904-a3bb-ac7f05eab302', 74, '\x80f77896b4f2e716dd3097c863165230', '{"Content-Type": "image/png", "X-Amz-Meta-Fnstore-Engine": "lanczos3-1", "X-Amz-Meta-Fnstore-Source-Etag": "f829b914fc47cfc9c0747c119c27cf1b"}', '2026-11-30 20:40:41.389185+00', 6);
INSERT INTO "objects"."object" VALUES ('thumbnails', '\x7468756d626e61696c732f323030782f616c62756d2f70686f746f2d322e706e67', '110f5f39-f232-aac6-d4d7-4ba9877bb0d8', 74, '\x80f77896b4f2e716dd3097c863165230', '{"Content-Type": "image/png", "X-Amz-Meta-Fnstore-Engine": "lanczos3-1", "X-Amz-Meta-Fnstore-Source-Etag": "f829b914fc47cfc9c0747c119c27cf1b"}', '2026-11-30 20:40:41.426423+00', 7);
INSERT INTO "objects"."object" VALUES ('uploads', '\x616c62756d2f70686f746f2d332e706e67', 'f7cbce70-af3d-4275-60ad-4c136e74a0d3', 70, '\xf829b914fc47cfc9c0747c119c27cf1b', '{"Content-Type": "image/png"}', '2026-11-30 20:40:41.436684+00', 8);
INSERT INTO "objects"."object" VALUES ('thumbnails', '\x7468756d626e61696c732f343030782f616c62756d2f70686f746f2d322e706e67', '07100aa0-19ad-508e-e8a9-4a1fbc391298', 74, '\x80f77896b4f2e716dd3097c863165230', '{"Content-Type": "image/png", "X-Amz-Meta-Fnstore-Engine": "lanczos3-1", "X-Amz-Meta-Fnstore-Source-Etag": "f829b914fc47cfc9c0747c119c27cf1b"}', '2026-11-30 20:40:41.486726+00', 9);
INSERT INTO "objects"."object" VALUES ('thumbnails', '\x7468756d626e61696c732f313030782f616c62756d2f70686f746f2d332e706e67', '933f3306-f0cf-1d91-ddd4-f1dc5ca62c10', 74, '\x80f77896b4f2e716dd3097c863165230', '{"Content-Type": "image/png", "X-Amz-Meta-Fnstore-Engine": "lanczos3-1", "X-Amz-Meta-Fnstore-Source-Etag": "f829b914fc47cfc9c0747c119c27cf1b"}', '2026-11-30 20:40:41.534356+00', 10);
INSERT INTO "objects"."object" VALUES ('thumbnails', '\x7468756d626e61696c732f323030782f616c62756d2f70686f746f2d332e706e67', '207a01b9-e431-34d5-7c29-e90bf05ce30c', 74, '\x80f77896b4f2e716dd3097c863165230', '{"Content-Type": "image/png", "X-Amz-Meta-Fnstore-Engine": "lanczos3-1", "X-Amz-Meta-Fnstore-Source-Etag": "f829b914fc47cfc9c0747c119c27cf1b"}', '2026-11-30 20:40:41.585006+00', 11);
INSERT INTO "objects"."object" VALUES ('thumbnails', '\x7468756d626e61696c732f343030782f616c62756d2f70686f746f2d332e706e67', 'd6809a75-3d8a-bd79-cf9a-81560d5cbbcf', 74, '\x80f77896b4f2e716dd3097c863165230', '{"Content-Type": "image/png", "X-Amz-Meta-Fnstore-Engine": "lanczos3-1", "X-Amz-Meta-Fnstore-Source-Etag": "f829b914fc47cfc9c0747c119c27cf1b"}', '2026-11-30 20:40:41.619846+00', 12);
INSERT INTO "objects"."object" VALUES ('uploads', '\x6261642e706e67', '40a9b80c-0d05-2dd7-47e2-d964cf7a26ac', 11, '\x94cda72aae93ceab123a27d464bb87b9', '{"Content-Type": "image/png"}', '2026-11-30 20:40:41.628981+00', 13);

INSERT INTO "queue"."dead" VALUES (4, 'thumbnail', NULL, 'POST', '/', '{"X-Topic": ["s3:uploads"], "X-Connector": ["fnstore-objects"], "Content-Type": ["application/json"]}', '\x7b225265636f726473223a5b7b226576656e7456657273696f6e223a22322e31222c226576656e74536f75726365223a22666e73746f72653a7333222c226576656e7454696d65223a22323032362d31312d33305432303a34303a34312e3632385a222c226576656e744e616d65223a224f626a656374437265617465643a507574222c227333223a7b226275636b6574223a7b226e616d65223a2275706c6f616473227d2c226f626a656374223a7b226b6579223a226261642e706e67222c2273697a65223a31312c2265546167223a223934636461373261616539336365616231323361323764343634626238376239222c2273657175656e636572223a2230303030303030303030303030303044227d7d7d5d7d', NULL, NULL, '6eaa5eff-8d42-4d4f-ba80-259e98a9c65f', true, '2026-11-30 20:40:41.62694+00', NULL, 1, 3, '[{"at": "2026-11-30T20:40:41.682705665Z", "code": "unsupported_image", "reason": "uploads/bad.png: the file is not a JPEG, PNG, GIF, WebP, BMP or TIFF image", "status": 415, "attempt": 1}]', '2026-11-30 20:40:41.687435+00', 'unsupported_image', 'uploads/bad.png: the file is not a JPEG, PNG, GIF, WebP, BMP or TIFF image');

INSERT INTO "queue"."dedup" VALUES ('hello', 'key-1', 5, 'waiting-1', '\xaf9cc8f4fcfa2ddf6a0d5b949c8c0ca00c388835e92e15ed50ca8cd0a73771f3', '2126-11-30 20:40:41.952376+00');
INSERT INTO "queue"."dedup" VALUES ('hello', 'key-2', 6, 'waiting-2', '\xeda5f6d6ac7f1213de06ef896d1663c6b589570762039fc1f591c0e26b309e77', '2126-11-30 20:40:41.964584+00');
INSERT INTO "queue"."dedup" VALUES ('hello', 'key-3', 7, 'waiting-3', '\xab2169f67d0f66388a333a8ff7007158aae1b1c1678440f567da6b81b665fba7', '2126-11-30 20:40:41.965159+00');
INSERT INTO "queue"."dedup" VALUES ('hello', 'key-4', 8, 'waiting-4', '\xcebaf435d8658831532b70ed3f75a1b8fef28f61ed8f07bddde382212c785c9b', '2126-11-30 20:40:41.965576+00');
INSERT INTO "queue"."dedup" VALUES ('hello', 'key-5', 9, 'waiting-5', '\xaba1ddd12e7c791a12df4d87674fa1e8b23c66a002cf2e532760140c3ee9e8ff', '2126-11-30 20:40:41.965914+00');
INSERT INTO "queue"."dedup" VALUES ('hello', 'key-6', 10, 'waiting-6', '\x1b0d3a598c1d0491116da0a69146de47ad5e6f28e485728cbb8beee2c50b7414', '2126-11-30 20:40:41.966224+00');
INSERT INTO "queue"."dedup" VALUES ('hello', 'key-7', 11, 'waiting-7', '\xbdd7e2596101a343f0f1c9e82ecd94b305f16f384816e75958d028b7aa0b37f2', '2126-11-30 20:40:41.977851+00');
INSERT INTO "queue"."dedup" VALUES ('hello', 'key-8', 12, 'waiting-8', '\x221acc6014b61cef0586297c877394f3ae79b8f6271693fc8c1d95f404fffc11', '2126-11-30 20:40:41.978072+00');
INSERT INTO "queue"."dedup" VALUES ('hello', 'key-9', 13, 'waiting-9', '\xfbf941b9774bb62dd6eae201aa317ebf8b0bc59735eed132b14ecb742c29b3e4', '2126-11-30 20:40:41.978212+00');
INSERT INTO "queue"."dedup" VALUES ('hello', 'key-10', 14, 'waiting-10', '\x0ee09a192588ef2cc042f57f8bbb41b1d906d38151d8fa180d289566f2d62067', '2126-11-30 20:40:41.978325+00');

INSERT INTO "queue"."done_20261130" VALUES (1, 'thumbnail', NULL, '5739b4ed-3b00-40bb-ab41-46c1c451136d', '2026-11-30 20:40:41.076965+00', '2026-11-30 20:40:41.337912+00', 1, 200, '[]');
INSERT INTO "queue"."done_20261130" VALUES (2, 'thumbnail', NULL, 'c3460288-aaaf-4588-bba7-1d5cc76d3b91', '2026-11-30 20:40:41.25763+00', '2026-11-30 20:40:41.533596+00', 1, 200, '[]');
INSERT INTO "queue"."done_20261130" VALUES (3, 'thumbnail', NULL, 'f5938434-1f5a-4c1b-b1c7-1b5d4c0e2d71', '2026-11-30 20:40:41.428624+00', '2026-11-30 20:40:41.671747+00', 1, 200, '[]');

INSERT INTO "queue"."message" OVERRIDING SYSTEM VALUE VALUES (5, 'hello', 'group', false, 'POST', '/n?i=1', '{"Content-Type": ["application/octet-stream"]}', '\x00ff0100000001', NULL, NULL, 'waiting-1', false, '2026-11-30 20:40:41.93037+00', NULL, '2126-11-30 20:40:41.963546+00', 0, 3, 0, NULL, '[]');
INSERT INTO "queue"."message" OVERRIDING SYSTEM VALUE VALUES (6, 'hello', 'group', true, 'POST', '/n?i=2', '{"Content-Type": ["application/octet-stream"]}', '\x00ff0100000002', NULL, NULL, 'waiting-2', true, '2026-11-30 20:40:41.93037+00', NULL, '2126-11-30 20:40:41.964883+00', 0, 3, 0, NULL, '[]');
INSERT INTO "queue"."message" OVERRIDING SYSTEM VALUE VALUES (7, 'hello', 'group', true, 'POST', '/n?i=3', '{"Content-Type": ["application/octet-stream"]}', '\x00ff0100000003', NULL, NULL, 'waiting-3', false, '2026-11-30 20:40:41.93037+00', NULL, '2126-11-30 20:40:41.965351+00', 0, 3, 0, NULL, '[]');
INSERT INTO "queue"."message" OVERRIDING SYSTEM VALUE VALUES (8, 'hello', 'group', true, 'POST', '/n?i=4', '{"Content-Type": ["application/octet-stream"]}', '\x00ff0100000004', NULL, NULL, 'waiting-4', true, '2026-11-30 20:40:41.93037+00', NULL, '2126-11-30 20:40:41.965736+00', 0, 3, 0, NULL, '[]');
INSERT INTO "queue"."message" OVERRIDING SYSTEM VALUE VALUES (9, 'hello', 'group', true, 'POST', '/n?i=5', '{"Content-Type": ["application/octet-stream"]}', '\x00ff0100000005', NULL, NULL, 'waiting-5', false, '2026-11-30 20:40:41.93037+00', NULL, '2126-11-30 20:40:41.966056+00', 0, 3, 0, NULL, '[]');
INSERT INTO "queue"."message" OVERRIDING SYSTEM VALUE VALUES (10, 'hello', NULL, false, 'POST', '/n?i=6', '{"Content-Type": ["application/octet-stream"]}', '\x00ff0100000006', NULL, NULL, 'waiting-6', true, '2026-11-30 20:40:41.93037+00', NULL, '2126-11-30 20:40:41.966355+00', 0, 3, 0, NULL, '[]');
INSERT INTO "queue"."message" OVERRIDING SYSTEM VALUE VALUES (11, 'hello', NULL, false, 'POST', '/n?i=7', '{"Content-Type": ["application/octet-stream"]}', '\x00ff0100000007', NULL, NULL, 'waiting-7', false, '2026-11-30 20:40:41.93037+00', NULL, '2126-11-30 20:40:41.977927+00', 0, 3, 0, NULL, '[]');
INSERT INTO "queue"."message" OVERRIDING SYSTEM VALUE VALUES (12, 'hello', NULL, false, 'POST', '/n?i=8', '{"Content-Type": ["application/octet-stream"]}', '\x00ff0100000008', NULL, NULL, 'waiting-8', true, '2026-11-30 20:40:41.93037+00', NULL, '2126-11-30 20:40:41.978118+00', 0, 3, 0, NULL, '[]');
INSERT INTO "queue"."message" OVERRIDING SYSTEM VALUE VALUES (13, 'hello', NULL, false, 'POST', '/n?i=9', '{"Content-Type": ["application/octet-stream"]}', '\x00ff0100000009', NULL, NULL, 'waiting-9', false, '2026-11-30 20:40:41.93037+00', NULL, '2126-11-30 20:40:41.978249+00', 0, 3, 0, NULL, '[]');
INSERT INTO "queue"."message" OVERRIDING SYSTEM VALUE VALUES (14, 'hello', NULL, false, 'POST', '/n?i=10', '{"Content-Type": ["application/octet-stream"]}', '\x00ff010000000a', NULL, NULL, 'waiting-10', true, '2026-11-30 20:40:41.93037+00', NULL, '2126-11-30 20:40:41.978376+00', 0, 3, 0, NULL, '[]');

SELECT pg_catalog.setval('"migration"."fn_ledger_id_seq"', 2, true);

SELECT pg_catalog.setval('"migration"."kit_queue_id_seq"', 2, true);

SELECT pg_catalog.setval('"migration"."objects_id_seq"', 2, true);

SELECT pg_catalog.setval('"objects"."sequencer"', 13, true);

SELECT pg_catalog.setval('"queue"."message_id_seq"', 14, true);

SELECT pg_catalog.setval('"queue"."session"', 1, true);

ALTER TABLE ONLY "app"."entry"
    ADD CONSTRAINT "entry_pkey" PRIMARY KEY ("id");

ALTER TABLE ONLY "migration"."fn_ledger"
    ADD CONSTRAINT "fn_ledger_pkey" PRIMARY KEY ("id");

ALTER TABLE ONLY "migration"."kit_queue"
    ADD CONSTRAINT "kit_queue_pkey" PRIMARY KEY ("id");

ALTER TABLE ONLY "migration"."objects"
    ADD CONSTRAINT "objects_pkey" PRIMARY KEY ("id");

ALTER TABLE ONLY "objects"."bucket"
    ADD CONSTRAINT "bucket_pkey" PRIMARY KEY ("name");

ALTER TABLE ONLY "objects"."object"
    ADD CONSTRAINT "object_blob_key" UNIQUE ("blob");

ALTER TABLE ONLY "objects"."object"
    ADD CONSTRAINT "object_pkey" PRIMARY KEY ("bucket", "key");

ALTER TABLE ONLY "objects"."part"
    ADD CONSTRAINT "part_blob_key" UNIQUE ("blob");

ALTER TABLE ONLY "objects"."part"
    ADD CONSTRAINT "part_pkey" PRIMARY KEY ("upload", "number");

ALTER TABLE ONLY "objects"."upload"
    ADD CONSTRAINT "upload_pkey" PRIMARY KEY ("id");

ALTER TABLE ONLY "queue"."dead"
    ADD CONSTRAINT "dead_pkey" PRIMARY KEY ("id");

ALTER TABLE ONLY "queue"."dedup"
    ADD CONSTRAINT "dedup_pkey" PRIMARY KEY ("fn", "key");

ALTER TABLE ONLY "queue"."message"
    ADD CONSTRAINT "message_pkey" PRIMARY KEY ("id");

CREATE INDEX "upload_by_key" ON "objects"."upload" USING "btree" ("bucket", "key", "id");

CREATE INDEX "dead_call" ON "queue"."dead" USING "btree" ("call_id");

CREATE INDEX "dead_fn" ON "queue"."dead" USING "btree" ("fn", "died_at");

CREATE INDEX "dedup_expires" ON "queue"."dedup" USING "btree" ("expires_at");

CREATE INDEX "done_call" ON ONLY "queue"."done" USING "btree" ("call_id");

CREATE INDEX "done_20261130_call_id_idx" ON "queue"."done_20261130" USING "btree" ("call_id");

CREATE INDEX "done_20261201_call_id_idx" ON "queue"."done_20261201" USING "btree" ("call_id");

CREATE INDEX "done_20261202_call_id_idx" ON "queue"."done_20261202" USING "btree" ("call_id");

CREATE INDEX "done_rest_call_id_idx" ON "queue"."done_rest" USING "btree" ("call_id");

CREATE INDEX "message_call" ON "queue"."message" USING "btree" ("call_id");

CREATE INDEX "message_deadline" ON "queue"."message" USING "btree" ("deadline") WHERE ("deadline" IS NOT NULL);

CREATE INDEX "message_group" ON "queue"."message" USING "btree" ("fn", "grp", "id") WHERE ("grp" IS NOT NULL);

CREATE INDEX "message_leased" ON "queue"."message" USING "btree" ("leased_by", "fn") WHERE ("leased_by" IS NOT NULL);

CREATE INDEX "message_spent" ON "queue"."message" USING "btree" ("visible_at") WHERE ("attempt" >= "max_attempts");

CREATE INDEX "message_visible" ON "queue"."message" USING "btree" ("fn", "visible_at") WHERE (NOT "blocked");

ALTER INDEX "queue"."done_call" ATTACH PARTITION "queue"."done_20261130_call_id_idx";

ALTER INDEX "queue"."done_call" ATTACH PARTITION "queue"."done_20261201_call_id_idx";

ALTER INDEX "queue"."done_call" ATTACH PARTITION "queue"."done_20261202_call_id_idx";

ALTER INDEX "queue"."done_call" ATTACH PARTITION "queue"."done_rest_call_id_idx";

ALTER TABLE ONLY "objects"."object"
    ADD CONSTRAINT "object_bucket_fkey" FOREIGN KEY ("bucket") REFERENCES "objects"."bucket"("name");

ALTER TABLE ONLY "objects"."part"
    ADD CONSTRAINT "part_upload_fkey" FOREIGN KEY ("upload") REFERENCES "objects"."upload"("id") ON DELETE CASCADE;

ALTER TABLE ONLY "objects"."upload"
    ADD CONSTRAINT "upload_bucket_fkey" FOREIGN KEY ("bucket") REFERENCES "objects"."bucket"("name") ON DELETE CASCADE;

GRANT ALL ON SCHEMA "app" TO "fn_ledger";

REVOKE USAGE ON SCHEMA "public" FROM PUBLIC;

REVOKE ALL ON FUNCTION "queue"."enqueue"("in_fn" "text", "in_method" "text", "in_path" "text", "in_headers" "jsonb", "in_body" "bytea", "in_call_id" "text", "in_group" "text", "in_trusted" boolean, "in_max_attempts" integer, "in_delay" interval, "in_deadline" timestamp with time zone, "in_callback" "text", "in_dedup_key" "text", "in_dedup_window" interval, OUT "id" bigint, OUT "call_id" "text", OUT "duplicate" boolean) FROM PUBLIC;

GRANT SELECT,INSERT ON TABLE "app"."entry" TO "fn_ledger";

