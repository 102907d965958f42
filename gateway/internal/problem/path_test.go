package problem

import (
	"testing"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
)

// What stands in a record that a call only names is told as who changes it writes it.
func TestPathsAreToldByTheirJSONNames(t *testing.T) {
	update := (&campaignv1.UpdateCampaignRequest{}).ProtoReflect().Descriptor()
	publish := (&campaignv1.PublishCampaignRequest{}).ProtoReflect().Descriptor()
	for path, want := range map[string]string{
		"campaign.tasks[0].due_date": "campaign.tasks[0].dueDate", "validate_only": "validateOnly", "other.due_date": "other.due_date",
	} {
		if got := JSONPath(publish, path); got != want {
			t.Errorf("of a publication %s is %s, want %s", path, got, want)
		}
		if got := JSONPath(update, path); got != want {
			t.Errorf("of a change %s is %s, want %s", path, got, want)
		}
	}
}
