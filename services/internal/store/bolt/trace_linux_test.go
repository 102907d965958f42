package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"
)

// What the syscall package has no names for.
const (
	ptraceGetSyscallInfo = 0x420e
	ptraceExitKill       = 0x100000
	waitForThreads       = 0x40000000
	infoEntry            = 1 // struct ptrace_syscall_info's op
)

// systemCall is where a thread enters or leaves the kernel, as the kernel tells
// it (struct ptrace_syscall_info).
type systemCall struct {
	op       uint8
	_        [3]uint8
	_        uint32
	_, _     uint64
	nr       uint64 // leaving: the result
	args     [6]uint64
	reserved uint64
}

func (c systemCall) result() int64 { return int64(c.nr) }

// tracer follows all threads of a child from one system call to the next. The
// kernel shows them one at a time, in the order in which they happen.
type tracer struct {
	child   int
	mem     *os.File
	entered map[int]systemCall // by thread
	enter   func(thread int, c systemCall) error
	leave   func(thread int, c systemCall, result int64) error
}

// run runs the command to its end. The error wraps EPERM or ENOSYS where nobody
// may trace.
func (r *tracer) run(cmd *exec.Cmd) error {
	runtime.LockOSThread() // only the thread that began may go on
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Release() }() // follow has waited for it
	r.child, r.entered = cmd.Process.Pid, map[int]systemCall{}
	err := r.follow()
	if err != nil {
		_ = cmd.Process.Kill() // ends with the error
	}
	return err
}

func (r *tracer) follow() (err error) {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(r.child, &status, 0, nil); err != nil {
		return err
	}
	options := syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACESYSGOOD | ptraceExitKill
	if err := syscall.PtraceSetOptions(r.child, options); err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	if r.mem, err = os.Open(fmt.Sprintf("/proc/%d/mem", r.child)); err != nil {
		return err
	}
	defer func() { _ = r.mem.Close() }()
	for thread := r.child; ; {
		if err := r.step(thread, status); err != nil {
			return err
		}
		if thread, err = syscall.Wait4(-1, &status, waitForThreads, nil); err != nil {
			return err
		}
		if over := status.Exited() || status.Signaled(); over && thread == r.child {
			if status.ExitStatus() != 0 {
				return fmt.Errorf("the child ended with status %d", status.ExitStatus())
			}
			return nil
		}
	}
}

// step looks at a thread that has stopped and lets it go on.
func (r *tracer) step(thread int, status syscall.WaitStatus) error {
	if !status.Stopped() {
		return nil
	}
	signal := status.StopSignal()
	switch signal {
	case syscall.SIGTRAP | 0x80:
		if err := r.call(thread); err != nil {
			return err
		}
		signal = 0
	case syscall.SIGTRAP, syscall.SIGSTOP: // the start of the child, or of a thread
		signal = 0
	}
	if err := syscall.PtraceSyscall(thread, int(signal)); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// call takes the two halves of a system call together.
func (r *tracer) call(thread int) error {
	var c systemCall
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(thread), unsafe.Sizeof(c), uintptr(unsafe.Pointer(&c)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("asking for a system call: %w", errno)
	}
	if c.op == infoEntry {
		r.entered[thread] = c
		return r.enter(thread, c)
	}
	return r.leave(thread, r.entered[thread], c.result())
}

// bytes reads the child's memory.
func (r *tracer) bytes(at, n uint64) ([]byte, error) {
	b := make([]byte, n)
	_, err := r.mem.ReadAt(b, int64(at))
	return b, err
}

// text reads a string that ends with a zero from the child's memory.
func (r *tracer) text(at uint64) (string, error) {
	var text []byte
	for {
		word, err := r.bytes(at+uint64(len(text)), 8-(at+uint64(len(text)))%8) // never over the end of a page
		if err != nil {
			return "", err
		}
		if i := bytes.IndexByte(word, 0); i >= 0 {
			return string(append(text, word[:i]...)), nil
		}
		text = append(text, word...)
	}
}
