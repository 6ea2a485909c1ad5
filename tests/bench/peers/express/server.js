// One route, as a small production service in express has it: a token by
// jsonwebtoken (HS256), a limit in Redis, one query by pg.
const express = require("express");
const jwt = require("jsonwebtoken");
const { Pool } = require("pg");
const Redis = require("ioredis");
const { RateLimiterRedis } = require("rate-limiter-flexible");

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 5 });
const limiter = new RateLimiterRedis({ storeClient: new Redis(process.env.REDIS_URL, { enableReadyCheck: false }), keyPrefix: "users:peer", points: 1000000, duration: 60 });
const app = express();
app.disable("x-powered-by");

app.get("/v1/users/:id", async (req, res) => {
  let claims;
  try {
    claims = jwt.verify((req.headers.authorization || "").replace(/^Bearer /, ""), process.env.TOKEN_SECRET, { algorithms: ["HS256"], issuer: "fnstore-auth", audience: "fnstore" });
  } catch {
    return res.status(401).json({ code: "invalid_token" });
  }
  try {
    const left = await limiter.consume(claims.sub);
    res.set("X-RateLimit-Remaining", String(left.remainingPoints));
  } catch (e) {
    if (e instanceof Error) throw e;
    return res.status(429).json({ code: "rate_limited" });
  }
  const { rows } = await pool.query({ name: "get", text: "select id, name, email, created_at, updated_at, version from fn_users.users where id = $1", values: [req.params.id] });
  if (rows.length === 0) return res.status(404).json({ code: "user_not_found" });
  const { version, ...user } = rows[0];
  res.set("ETag", `"${version}"`).json(user);
});

app.use((err, req, res, next) => {
  console.error(err.message);
  res.status(500).json({ code: "internal" });
});

const server = app.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
