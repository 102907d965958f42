package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Mounts that a child makes for itself alone, in a namespace that ends with it.
const (
	envReadOnly = "DUBAN_TEST_READONLY" // mount this folder read-only
	envSmall    = "DUBAN_TEST_SMALL"    // FROM:TO: mount a small disk on FROM, and leave in TO what was on it
)

// mounting says why this system lets no child mount, or nil.
func mounting(t *testing.T) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "version")
	cmd.Env = append(os.Environ(), envChild+"=1", envReadOnly+"="+t.TempDir())
	cmd.SysProcAttr = namespaces(cmd.Env)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// namespaces are those of a child that is to mount something; nil for others.
func namespaces(env []string) *syscall.SysProcAttr {
	for _, v := range env {
		if strings.HasPrefix(v, envReadOnly+"=") || strings.HasPrefix(v, envSmall+"=") {
			return &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
				Pdeathsig:   syscall.SIGKILL,
			}
		}
	}
	return nil
}

// mount mounts what the environment asks for.
func mount() error {
	if folder := os.Getenv(envReadOnly); folder != "" {
		return freezeMount(folder)
	}
	from, to, asked := strings.Cut(os.Getenv(envSmall), ":")
	if !asked {
		return nil
	}
	if err := syscall.Mount("duban", from, "tmpfs", 0, fmt.Sprintf("size=%d", disk)); err != nil {
		return fmt.Errorf("mounting a small disk: %w", err)
	}
	return supervise(from, to)
}

// freezeMount mounts a folder on itself, read-only. What forbids more than that
// on the mount beneath must stay.
func freezeMount(folder string) error {
	var fs syscall.Statfs_t
	const forbidden = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	err := errors.Join(
		syscall.Statfs(folder, &fs),
		syscall.Mount(folder, folder, "", syscall.MS_BIND, ""),
		syscall.Mount("", folder, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY|uintptr(fs.Flags)&forbidden, ""),
	)
	if err != nil {
		return fmt.Errorf("mounting read-only: %w", err)
	}
	return nil
}

// supervise runs the real child, keeps what it left on the small disk, which
// goes with the namespace, and ends as it did.
func supervise(from, to string) error {
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), envSmall+"=")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return fmt.Errorf("keeping what is on the small disk: %w", err)
	}
	os.Exit(cmd.ProcessState.ExitCode())
	return nil
}
