package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Mounts that a child makes for itself alone, in a namespace that ends with it.
const (
	envReadOnly = "DUBAN_TEST_READONLY" // mount this folder read-only
	envSmall    = "DUBAN_TEST_SMALL"    // FILE:FOLDER: mount a small disk on FOLDER, and keep FILE on it while the child runs
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
	file, disk, asked := strings.Cut(os.Getenv(envSmall), ":")
	if !asked {
		return nil
	}
	small := filepath.Join(disk, filepath.Base(file))
	if err := shrink(file, disk, small); err != nil {
		return fmt.Errorf("mounting a small disk: %w", err)
	}
	return supervise(file, small)
}

// shrink puts a file on a disk of its own that has some room beyond what of the
// file is in use.
func shrink(file, disk, small string) error {
	b, err := inUse(file)
	if err != nil {
		return err
	}
	if err := syscall.Mount("duban", disk, "tmpfs", 0, fmt.Sprintf("size=%d", len(b)+room)); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(small, b, 0o600), syscall.Mount(small, file, "", syscall.MS_BIND, ""))
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

// supervise runs the real child, brings back what it left on the small disk, which
// goes with the namespace, and ends as it did.
func supervise(file, small string) error {
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), envSmall+"=")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err
	}
	left, err := os.ReadFile(small)
	if err := errors.Join(err, syscall.Unmount(file, 0), os.WriteFile(file, left, 0o600)); err != nil {
		return fmt.Errorf("keeping what is on the small disk: %w", err)
	}
	os.Exit(cmd.ProcessState.ExitCode())
	return nil
}
