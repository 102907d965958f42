package serve

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// tell puts what every answer to the call will say into its header. If the caller
// has gone meanwhile, the call ends as cancelled: there is nobody to answer, and
// nothing went wrong here.
func tell(ctx context.Context, call Call, header metadata.MD) error {
	err := grpc.SetHeader(ctx, header)
	switch {
	case err == nil:
		return nil
	case grpc.ServerTransportStreamFromContext(ctx) != nil:
		return context.Canceled
	default:
		return fmt.Errorf("saying in the header of %s what is to be known: %w", call.Method, err)
	}
}
