package targets

import "fnstore/runtime/stackfile"

// cell is what one target makes of a rule's subject.
type cell struct {
	effect Effect
	text   string
}

// rule is a row of the table. It has one of the two checks: of the file as a
// whole, or of a function, which lists what was found.
type rule struct {
	name     string
	cells    map[Target]cell
	fix      string
	file     func(Input) (detail string, found bool)
	function func(Input, Target, *stackfile.Function) []string
}

// both gives the store's two backends the same cell.
func both(c cell) map[Target]cell { return map[Target]cell{Runtime: c, Docker: c} }

// every gives all targets the same cell.
func every(c cell) map[Target]cell { return map[Target]cell{Runtime: c, Docker: c, Faasd: c} }

// with adds faasd's cell.
func with(cells map[Target]cell, faasd cell) map[Target]cell {
	cells[Faasd] = faasd
	return cells
}

func onFaasd(effect Effect, text string) map[Target]cell {
	return map[Target]cell{Faasd: {effect, text}}
}

// maxFaasd is how many functions faasd CE takes.
const maxFaasd = 15

var rules = []rule{
	{name: "more than 15 functions", cells: onFaasd(Refused, "the sixteenth is 400"),
		fix: "`fnstore stack --profile core` writes a smaller stack file", file: tooMany},
	{name: "deployment", cells: with(both(cell{Refused, "400 with the reason"}), cell{Differs, "taken as it is, or as 0"}),
		fix: "write what the message asks for", function: deployment},
	{name: "`namespace`", cells: every(cell{Refused, "there is `openfaas-fn` alone"}),
		fix: "remove the key", function: namespace},
	{name: "`secrets` that do not exist", cells: with(both(cell{Refused, "400; the store makes its own: [secrets](../secrets/README.md)"}), cell{Refused, "400 `unable to find secret`"}),
		fix: "`faas-cli secret create NAME --from-file FILE`; on faasd `sh compose/faasd.sh` makes the store's", function: secretsMissing},
	{name: "`platforms` without this machine's", cells: every(cell{Refused, "the image has no program for this machine"}),
		fix: "add it: `platforms: linux/amd64,linux/arm64,linux/arm/v7`", function: platforms},
	{name: "`lang: dockerfile`, or a template without `build.sh`", cells: both(cell{Refused, "fnstore builds without a Docker engine"}),
		fix: "build it with `faas-cli build` and push it, and say `skip_build: true`", function: needsEngine},
	{name: "an address on loopback in `environment`", cells: map[Target]cell{
		Docker: {Refused, "422 `service_unreachable`: that is the container itself"}, Faasd: {Refused, "that is the container itself"}},
		fix: "name an address that a container reaches; on faasd the services' names, or 10.62.0.1", function: loopbackEnv},
	{name: "`fprocess` in `environment`", cells: map[Target]cell{
		Runtime: {Ignored, "the image's program runs"}, Docker: {Ignored, "the image's command runs"}, Faasd: {Refused, "the entry is broken and the container does not start"}},
		fix: "use the key `fprocess` of the function, or none with the store's template", function: fprocessEnv},
	{name: "`com.openfaas.scale.factor` of 0 or above 100", cells: onFaasd(Refused, "every call of the function is 404"),
		fix: "remove the label", function: scaleFactor},
	{name: "`exec_timeout` above 60 s", cells: onFaasd(Refused, "the provider ends every call after 60 s, with 500"),
		fix: "make the work shorter, or raise `service_timeout` of faasd-provider and `upstream_timeout`, `read_timeout`, `write_timeout` of its gateway", function: longTimeout},
	{name: "timeouts that do not fit each other", cells: every(cell{Differs, "the answer is lost when `write_timeout` or `read_timeout` is shorter than `exec_timeout`; one that cannot be read is 30 s"}),
		fix: "`read_timeout` and `write_timeout` a few seconds above `exec_timeout`; `90s`, or seconds as a number", function: timeouts},
	{name: "`healthcheck_interval` of 30 s or more", cells: onFaasd(Differs, "faasd kills after 30 s, so calls under way are lost at an update"),
		fix: "5s", function: slowDrain},
	{name: "an image on a loopback registry", cells: onFaasd(Differs, "each deployment pulls, so that registry has to be on that machine"),
		fix: "run the store's registry there, or push to another one", function: loopbackRegistry},
	{name: "bodies of `/async-function/`", cells: onFaasd(Differs, "at most 256,000 bytes; accepted from memory, one worker, no retry, no dead letters"),
		fix: "send messages through the queue in Postgres (`fnstore publish`, `fnstore.sends`), which `fnstore events` delivers", file: always},
	{name: "events: `topic`, `schedule`, `fnstore.s3.*`, `fnstore.postgres.watch`, `fnstore.sends`", cells: onFaasd(Differs, "faasd keeps the annotations; `fnstore events` and `fnstore migrate` act on them"),
		fix: "add the services of `compose/faasd.yaml`", function: annotated("topic", "schedule", "fnstore.s3.", "fnstore.postgres.", "fnstore.topic.", "fnstore.sends", "fnstore.batch.")},
	{name: "`fnstore.internal`", cells: onFaasd(Differs, "its gateway lets everybody call the function"),
		fix: "let the function check the signature itself (`kit/caller`), or keep the gateway off the network", function: annotated("fnstore.internal")},
	{name: "replicas: `com.openfaas.scale.*`, `fnstore.scale.*`", cells: onFaasd(Ignored, "one replica, always; no scale to zero"),
		fix: "nothing to do; a function that needs more than one replica needs another target", function: scaling},
	{name: "other labels", cells: every(cell{Ignored, "kept and listed, without effect"}),
		fix: "nothing to do", function: labels},
	{name: "readiness: `com.openfaas.health.http.*`, `com.openfaas.ready.http.*`, `fnstore.start-timeout`", cells: onFaasd(Ignored, "no probes: calls come as soon as the container runs"),
		fix: "let the function listen only when it can serve", function: annotated("com.openfaas.health.http.", "com.openfaas.ready.http.", "fnstore.start-timeout")},
	{name: "`limits.cpu`", cells: onFaasd(Ignored, "one function can take every processor"),
		fix: "bound the work in the function (`max_inflight`)", function: cpuLimit},
	{name: "no `limits.memory`", cells: every(cell{Differs, "one function can take all memory of the machine"}),
		fix: "`limits: {memory: 64Mi}`", function: noMemoryLimit},
	{name: "`requests`", cells: every(cell{Ignored, "nothing is reserved"}),
		fix: "nothing to do; Kubernetes reads them", function: requests},
	{name: "`constraints`", cells: every(cell{Ignored, "there is one machine"}),
		fix: "remove the key", function: constraints},
	{name: "`readonly_root_filesystem`", cells: map[Target]cell{
		Faasd: {Ignored, "the function can write to its own file system"}},
		fix: "nothing to do; let the function write to `/tmp` alone", function: readOnly},
	{name: "`fprocess`", cells: both(cell{Ignored, "by images of the store's template, which are one program"}),
		fix: "remove the key", function: fprocess},
}
