// Command protodeps writes the .proto sources of the third-party options that
// our own .proto files import, printed from the descriptors linked into pinned
// Go modules. Nothing is downloaded beyond Go modules and nothing third-party
// is committed: the output folder is ignored by git.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/genproto/googleapis/api/httpbody"
)

func main() {
	out := flag.String("out", "", "folder to write (emptied first)")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		log.Fatalf("protodeps: %v", err)
	}
}

func run(out string, roots []string) error {
	if out == "" {
		return errors.New("-out is required")
	}
	seen := map[string]protoreflect.FileDescriptor{}
	for _, root := range roots {
		fd, err := protoregistry.GlobalFiles.FindFileByPath(root)
		if err != nil {
			return fmt.Errorf("%s is not linked in: %w", root, err)
		}
		collect(fd, seen)
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	var files []protoreflect.FileDescriptor
	for _, path := range slices.Sorted(maps.Keys(seen)) {
		files = append(files, seen[path])
	}
	return (&protoprint.Printer{}).PrintProtosToFileSystem(files, out)
}

// collect adds fd and what it imports; buf brings google/protobuf itself.
func collect(fd protoreflect.FileDescriptor, seen map[string]protoreflect.FileDescriptor) {
	if strings.HasPrefix(fd.Path(), "google/protobuf/") || seen[fd.Path()] != nil {
		return
	}
	seen[fd.Path()] = fd
	for i := range fd.Imports().Len() {
		collect(fd.Imports().Get(i).FileDescriptor, seen)
	}
}
