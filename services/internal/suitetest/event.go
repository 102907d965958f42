package suitetest

import eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"

// Event returns the event service, called with the key.
func (s *Suite) Event(key string) eventv1.EventServiceClient {
	return eventv1.NewEventServiceClient(s.As(key))
}
