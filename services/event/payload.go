package event

import (
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
)

// Largest is how many bytes a payload has at most.
const Largest = 20_000

// Ping is the type of an event that tells nothing.
const Ping = "event.webhook.pinged.v1"

// payload is what is sent, by Standard Webhooks 1.0.0.
type payload struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"`
	Data      data   `json:"data"`
}

type data struct {
	Subject       string           `json:"subject"`
	Revision      int64            `json:"revision,string"`
	Unit          string           `json:"unit"`
	Campaign      string           `json:"campaign"`
	EffectiveTime string           `json:"effectiveTime"`
	Cursor        string           `json:"cursor"`
	Resource      *structpb.Struct `json:"resource,omitempty"`
}

// Payload is what is sent of an event: where to read what changed, and the
// resource itself if it is wanted in full and fits.
func Payload(e *eventv1.Event, full bool) ([]byte, error) {
	p := payload{e.GetType(), moment(e.GetTime()), data{
		Subject: e.GetSubject(), Revision: e.GetRevision(), Unit: e.GetUnit(), Campaign: e.GetCampaign(),
		EffectiveTime: moment(e.GetEffectiveTime()), Cursor: e.GetCursor(),
	}}
	thin, err := json.Marshal(p)
	if err != nil || !full || e.GetData() == nil {
		return thin, wrap(err)
	}
	p.Data.Resource = e.GetData()
	whole, err := json.Marshal(p)
	if len(whole) > Largest {
		return thin, nil
	}
	return whole, wrap(err)
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("writing a payload: %w", err)
	}
	return nil
}

func moment(t *timestamppb.Timestamp) string { return t.AsTime().Format(time.RFC3339Nano) }
