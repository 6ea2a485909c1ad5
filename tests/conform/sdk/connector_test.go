package sdk

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openfaas/connector-sdk/types"
	"github.com/openfaas/faas-provider/auth"
	"github.com/openfaas/go-sdk"

	"fnstore/tests/storetest"
)

// responses hands on what the connector hears of its calls.
type responses chan types.InvokerResponse

func (r responses) Response(res types.InvokerResponse) { r <- res }

// connector is one as others write them: it learns from the annotation topic
// who wants to hear of a topic, and calls them.
func connector(t *testing.T, s *storetest.Store, c *sdk.Client) {
	heard := make(responses, 8)
	for _, async := range []bool{false, true} {
		control := types.NewController(&auth.BasicAuthCredentials{User: s.User, Password: s.Password}, &types.ControllerConfig{
			GatewayURL: s.URL, UpstreamTimeout: 30 * time.Second, RebuildInterval: time.Hour, TopicAnnotationDelimiter: ",",
			AsyncFunctionInvocation: async, ContentType: "application/json",
		})
		control.Subscribe(heard)
		control.BeginMapBuilder()
		until(t, "the topic is known", func() bool { return strings.Contains(strings.Join(control.Topics(), " "), "greetings") })

		message := []byte(`{"name":"topic"}`)
		control.Invoke("greetings", &message, http.Header{"X-Source": {"test"}})
		res := <-heard
		switch {
		case res.Error != nil || res.Function != "sdk.openfaas-fn" || res.Topic != "greetings":
			t.Errorf("async %v: %+v", async, res)
		case !async && (res.Status != 200 || !strings.Contains(string(*res.Body), "Hello, topic!")):
			t.Errorf("%d %s", res.Status, *res.Body)
		case async && res.Status != http.StatusAccepted:
			t.Errorf("async: %d", res.Status)
		}
	}
	if err := c.DeleteFunction(t.Context(), "sdk", "openfaas-fn"); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := c.DeleteFunction(t.Context(), "sdk", "openfaas-fn"); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("delete again: %v", err)
	}
}
