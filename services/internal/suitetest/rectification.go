package suitetest

import rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"

// Rectification returns the rectification service, called with the key.
func (s *Suite) Rectification(key string) rectificationv1.RectificationServiceClient {
	return rectificationv1.NewRectificationServiceClient(s.As(key))
}
