package flow

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/tests/storetest"
)

// The flow tests run against three kinds of store: one of their own whose
// functions are processes, one of their own whose functions are containers
// (make test-flow BACKEND=docker), and a gateway that is known by its URL
// (make test-flow GATEWAY=URL). This table says what a test needs that not all of
// them have; where it is missing the test is skipped with that reason.

// terms are those of one test.
type terms struct {
	fnstore bool // the gateway is fnstore's: its /system API beyond OpenFaaS's
	s3, sql bool // an object store and the queue's database are known
	// Why it is not for a gateway by URL, or not for containers; "" when it is.
	noURL, noDocker string
}

const (
	inFolder    = "it reads or damages files of the store's folder"
	kills       = "it kills the store or its functions, and starts the store again"
	ownSettings = "it starts a store with settings of its own"
	buildsHere  = "it builds into the registry of a store on this machine, which it finds by its folder"
)

var needs = map[string]terms{
	"TestCallbacks_OfAStore":                           {noURL: ownSettings},
	"TestCalls_FunctionsHaveTheLeast":                  {noURL: inFolder},
	"TestCalls_Hello":                                  {},
	"TestCalls_TheCommandLine":                         {noURL: "its commands find a store by its folder, which has the key that invoke signs with"},
	"TestCalls_TheSystemApi":                           {fnstore: true},
	"TestCalls_ThumbnailTakesNoStrangersCall":          {noURL: "invoke signs with the key in the store's folder"},
	"TestDeploy_FromAnyFolder":                         {noURL: buildsHere},
	"TestEvents_BesideAnotherGateway":                  {noURL: inFolder},
	"TestEvents_ReplicasKilledAndStopped":              {noURL: inFolder},
	"TestEvents_ScheduleTableTopic":                    {fnstore: true, sql: true},
	"TestFunctions_OfEvents":                           {fnstore: true, sql: true},
	"TestGateways_APhotoAndMessagesArrive":             {s3: true, sql: true},
	"TestGateways_ByURLAndOnCEsTerms":                  {noURL: "it starts these tests again, by URL"},
	"TestGone_RollbackToWhatIsNotThere":                {noURL: inFolder, noDocker: "it removes the unpacked files of a version, and containers have none; an image that is missing is refused in tests/docker"},
	"TestHops_ALoopOfFunctionsEnds":                    {fnstore: true, s3: true},
	"TestKill_AKilledFunctionAnswersTheNextCall":       {noURL: kills},
	"TestKill_AKilledStoreLosesNothing":                {noURL: kills},
	"TestKill_DownLeavesNothing":                       {noURL: kills},
	"TestNeeds_AfterAKill":                             {noURL: kills},
	"TestNeeds_BadSQLIsRefused":                        {noURL: buildsHere},
	"TestNeeds_FollowWhatIsDeployed":                   {noURL: buildsHere},
	"TestObjects_OfAnotherStore":                       {noURL: inFolder},
	"TestPipeline_FilesBecomeRowsOnce":                 {noURL: kills},
	"TestPipeline_Load":                                {noURL: inFolder},
	"TestPipeline_Readme":                              {noURL: inFolder},
	"TestPublish_AnAnswersHeader":                      {noURL: buildsHere},
	"TestOwn_AFunctionOfOnesOwn":                       {noURL: buildsHere},
	"TestRotate_WhileCallsRun":                         {noURL: inFolder},
	"TestScale_ABurstIsServedAndThenNothingRuns":       {fnstore: true},
	"TestScale_AFunctionIsKeptWarm":                    {fnstore: true},
	"TestScale_NoContainerIsInvolved":                  {noURL: kills, noDocker: "it shows that without containers there are none"},
	"TestSecrets_ByCommand":                            {noURL: inFolder},
	"TestShare_FunctionsThatShareTheirStoresStayRight": {fnstore: true, s3: true},
	"TestShare_TwelveMegapixelsIn128MiB":               {fnstore: true, s3: true},
	"TestStatus_OfTheStore":                            {noURL: inFolder},
	"TestTraces_OfAPhoto":                              {noURL: inFolder},
	"TestTraces_OfACallThatWakes":                      {noURL: inFolder},
	"TestTraces_OfFailedAttempts":                      {noURL: kills},
	"TestTerms_EveryTestHasItsOwn":                     {},
	"TestUpload_APhotoBecomesThreeThumbnails":          {fnstore: true, s3: true},
	"TestUpload_OtherFormats":                          {fnstore: true, s3: true},
	"TestUpload_UploadingAgain":                        {fnstore: true, s3: true},
	"TestUpload_WhatIsNoPhotoIsRefused":                {fnstore: true, s3: true},
}

// fits skips a test that is not for the store at hand. Each test begins with it.
func fits(t *testing.T) {
	t.Helper()
	needed, listed := needs[t.Name()]
	if !listed {
		t.Fatalf("%s is not in the table of terms_test.go", t.Name())
	}
	why := missing(t, needed)
	if why == "" {
		return
	}
	if os.Getenv("CI") == "true" && storetest.Backend() == "" && !storetest.Elsewhere() {
		t.Fatal("with a store of its own, nothing is left out: " + why)
	}
	t.Skip("NOT CHECKED: " + why)
}

// missing is the reason why a test with these terms cannot be held here.
func missing(t *testing.T, needed terms) string {
	switch {
	case storetest.Backend() == "docker" && needed.noDocker != "":
		return needed.noDocker
	case !storetest.Elsewhere():
		return ""
	case needed.noURL != "":
		return needed.noURL
	case needed.s3 && shared.S3Endpoint == "":
		return "S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY name no object store"
	case needed.sql && shared.Postgres == "":
		return "POSTGRES_URL names no database"
	case needed.fnstore && !fnstores(t):
		return "the gateway is not fnstore's"
	}
	return ""
}

// fnstores asks the gateway whose it is.
func fnstores(t *testing.T) bool {
	t.Helper()
	var info struct{ Provider struct{ Provider string } }
	return system(t.Context(), t, shared, "GET", "/system/info", "", &info) == http.StatusOK && info.Provider.Provider == "fnstore"
}

// A new test is put into the table, and asks it first; the table names no test
// that has gone.
func TestTerms_EveryTestHasItsOwn(t *testing.T) {
	fits(t)
	found, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, path := range found {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Test") || f.Name.Name == "TestMain" {
				continue
			}
			have[f.Name.Name] = true
			if _, listed := needs[f.Name.Name]; !listed {
				t.Errorf("%s: %s is not in the table of terms_test.go", path, f.Name.Name)
			}
			if !asksFirst(f) {
				t.Errorf("%s: %s does not begin with fits(t)", path, f.Name.Name)
			}
		}
	}
	for name := range needs {
		if !have[name] {
			t.Errorf("the table of terms_test.go has %s, which is no test", name)
		}
	}
}

// asksFirst is true when the function's first statement is fits(t).
func asksFirst(f *ast.FuncDecl) bool {
	if len(f.Body.List) == 0 {
		return false
	}
	e, ok := f.Body.List[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := e.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := call.Fun.(*ast.Ident)
	return ok && name.Name == "fits"
}
