package suitetest_test

import (
	"testing"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

func TestAFieldIsThereOrNot(t *testing.T) {
	key := (&organizationv1.CreateApiKeyRequest{}).ProtoReflect().Descriptor()
	unit := (&organizationv1.CreateUnitRequest{}).ProtoReflect().Descriptor()
	for path, want := range map[string]bool{
		"api_key": true, "api_key.principal": true, "api_key.roles[0]": true, "api_key.quota.per_day": true, "api_key.expire_time.seconds": true,
		"principal": false, "apiKey": false, "api_key.principal.id": false, "api_key.principal[0]": false, "api_key.quota.per_year": false, ".": false,
	} {
		if suitetest.Has(key, path) != want {
			t.Errorf("the request has %q: %v, want %v", path, !want, want)
		}
	}
	for path, want := range map[string]bool{
		`unit.labels["a.b]c"]`: true, `unit.labels["a\"]b"]`: true, `unit.labels["a"].value`: false, "unit.codes[1].value": true, "unit.labels": true, "unit_id": true, `unit.kind["a"]`: false,
	} {
		if suitetest.Has(unit, path) != want {
			t.Errorf("the request has %q: %v, want %v", path, !want, want)
		}
	}
}
