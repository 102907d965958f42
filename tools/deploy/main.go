// Command deploy holds the files of deploy/ against those who will read them:
// Kubernetes' own types, strictly decoded, the loader of compose, BuildKit's
// parser of Dockerfiles, Prometheus' rules and its expressions, also those of
// the dashboard, and what Grafana asks of its panels. What the files say of duban is for the tests of cmd/duban.
//
//	deploy DIR
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	promparser "github.com/prometheus/prometheus/promql/parser"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: deploy DIR")
		os.Exit(2)
	}
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check tells everything that is wrong.
func check(dir string) (wrong error) {
	for pattern, look := range map[string]func(path string, text []byte) error{
		"docker/Dockerfile":      dockerfile,
		"docker/compose*.yaml":   compose,
		"kubernetes/*.yaml":      kubernetes,
		"prometheus/rules.yaml":  rules,
		"grafana/dashboard.json": dashboard,
	} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if len(paths) == 0 {
			wrong = errors.Join(wrong, fmt.Errorf("there is no %s", pattern))
		}
		wrong = errors.Join(wrong, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err == nil {
				err = look(path, text)
			}
			if err != nil {
				wrong = errors.Join(wrong, fmt.Errorf("%s: %w", path, err))
			}
		}
	}
	return wrong
}

func dockerfile(_ string, text []byte) error {
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return err
	}
	_, _, err = instructions.Parse(tree.AST, nil)
	return err
}

func compose(path string, text []byte) error {
	_, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  filepath.Dir(path),
		ConfigFiles: []types.ConfigFile{{Filename: path, Content: text}},
	})
	return err
}

var separator = regexp.MustCompile(`(?m)^---$`)

// kubernetes decodes each document into the type that it says it is.
func kubernetes(_ string, text []byte) (wrong error) {
	for _, document := range separator.Split(strings.ReplaceAll(string(text), "ROLE", "role"), -1) {
		var is struct{ Kind string }
		if err := yaml.Unmarshal([]byte(document), &is); err != nil {
			return err
		}
		into, ok := map[string]any{
			"Namespace": &core.Namespace{}, "ConfigMap": &core.ConfigMap{}, "Service": &core.Service{},
			"StatefulSet": &apps.StatefulSet{}, "NetworkPolicy": &networking.NetworkPolicy{}, "Pod": &core.Pod{}, "Job": &batch.Job{},
		}[is.Kind]
		if !ok {
			wrong = errors.Join(wrong, fmt.Errorf("the kind %q is not known here", is.Kind))
			continue
		}
		text, err := yaml.YAMLToJSONStrict([]byte(document))
		if err != nil {
			return err
		}
		unknown, err := kjson.UnmarshalStrict(text, into) // as the API server does: case counts
		for _, err := range append(unknown, err) {
			if err != nil {
				wrong = errors.Join(wrong, fmt.Errorf("%s: %w", is.Kind, err))
			}
		}
	}
	return wrong
}

func rules(_ string, text []byte) error {
	_, errs := rulefmt.Parse(text, false, model.UTF8Validation, promparser.NewParser(promparser.Options{}), slog.New(slog.DiscardHandler))
	return errors.Join(errs...)
}
