// Command images builds the four images twice, from two folders, and fails
// unless both builds give the same digests and each image is what a cluster
// expects: small, static, for linux/amd64, not root, labelled, and with a list
// of what is in it (SBOM).
//
//	go run ./hack/images         the second build may use what the first compiled
//	go run ./hack/images -cold   it compiles everything anew: a minute or two
//
// The images go to a registry inside this process, and none is needed outside
// of it. Their base is what KO_DEFAULTBASEIMAGE says, or else the one of
// .ko.yaml, or, where that cannot be reached, one that is made here.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

var programs = []string{"functions/todo", "functions/chat", "functions/migrate", "frontend"}

// labels are what hack/release gives each image: .ko.yaml has no place for them.
//
//go:embed labels
var labels string

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	cold := flags.Bool("cold", false, "compile everything anew for the second build")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	here, err := output(ctx, "", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	temporary, err := os.MkdirTemp("", "images-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	there := filepath.Join(temporary, "at", "another", "path")
	if err := copyCheckout(ctx, here, there); err != nil {
		return err
	}

	host, stop, err := serveRegistry()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	base, origin, err := chooseBase(ctx, here, host)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "base: %s (%s)\n", base, origin)

	// The program itself, since an empty build cache would compile ko too.
	ko, err := output(ctx, here, "go", "tool", "-n", "ko")
	if err != nil {
		return err
	}
	builds := []build{
		{ko: ko, folder: here, repository: host + "/first", base: base},
		{ko: ko, folder: there, repository: host + "/second", base: base},
	}
	if *cold {
		builds[1].cache = filepath.Join(temporary, "cache")
	}
	var images [2]map[string]image
	for i, b := range builds {
		fmt.Fprintf(out, "build in %s\n", b.folder)
		if images[i], err = b.images(ctx, programs...); err != nil {
			return err
		}
	}

	var findings []error
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "image\tcompressed\tof it base\tmodules\tdigest\n")
	for _, program := range programs {
		first, second := images[0][program], images[1][program]
		var problems []error
		if first.digest != second.digest {
			problems = append(problems, fmt.Errorf("two builds differ: %s and %s", first.digest, second.digest))
		}
		if !bytes.Equal(first.sbom, second.sbom) {
			problems = append(problems, errors.New("the SBOMs of two builds differ"))
		}
		facts, err := inspect(first, program)
		if err := errors.Join(append(problems, err)...); err != nil {
			findings = append(findings, fmt.Errorf("%s:\n  %s", program, strings.ReplaceAll(err.Error(), "\n", "\n  ")))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", program, megabytes(facts.size), megabytes(facts.base), facts.modules, first.digest)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := errors.Join(findings...); err != nil {
		return err
	}
	fmt.Fprintf(out, "two builds gave the same four digests; each image is at most %s, static, linux/amd64, not root, with labels and SBOM\n", megabytes(mostBytes))
	return nil
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.2f MB", float64(bytes)/1e6) }

// output runs a command and returns what it prints, or an error with what it
// complains about.
func output(ctx context.Context, folder, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder
	return outputOf(cmd)
}

func outputOf(cmd *exec.Cmd) (string, error) {
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	printed, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return strings.TrimSpace(string(printed)), nil
}

// copyCheckout copies what git tracks or would track, without git's own folder.
func copyCheckout(ctx context.Context, from, to string) error {
	list, err := output(ctx, from, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for file := range strings.SplitSeq(strings.TrimRight(list, "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(from, file))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, and the deletion not committed yet
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			return err
		}
		at := filepath.Join(to, file)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(at, content, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// serveRegistry starts a registry on the loopback device and returns its
// address. It keeps what it gets in memory.
func serveRegistry() (host string, stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return listener.Addr().String(), func() error {
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// build is one run of ko.
type build struct {
	ko, folder, repository, base string
	cache                        string // Go's build cache, the user's own if empty
}

// images builds and pushes those of the programs, and returns them by program.
func (b build) images(ctx context.Context, programs ...string) (map[string]image, error) {
	args := []string{"build", "--sbom=spdx", "--base-import-paths", "--image-label=" + strings.Join(strings.Split(strings.TrimSpace(labels), "\n"), ",")}
	for _, program := range programs {
		args = append(args, "./"+program)
	}
	cmd := exec.CommandContext(ctx, b.ko, args...)
	cmd.Dir = b.folder
	// KOCACHE would skip the second build, and flags of the user's own could
	// hide one that .ko.yaml lacks: these are Go's default.
	cmd.Env = append(os.Environ(), "KO_DOCKER_REPO="+b.repository, "KO_DEFAULTBASEIMAGE="+b.base, "KOCACHE=", "GOFLAGS=-mod=readonly")
	if b.cache != "" {
		cmd.Env = append(cmd.Env, "GOCACHE="+b.cache)
	}
	printed, err := outputOf(cmd)
	if err != nil {
		return nil, err
	}
	images := map[string]image{}
	for line := range strings.Lines(printed) {
		ref, err := name.NewDigest(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("read what ko prints: %w", err)
		}
		i := slices.IndexFunc(programs, func(program string) bool {
			return path.Base(program) == path.Base(ref.Context().RepositoryStr())
		})
		if i < 0 {
			return nil, fmt.Errorf("ko built %s, which was not asked for", ref)
		}
		if images[programs[i]], err = pull(ctx, ref); err != nil {
			return nil, err
		}
	}
	if len(images) != len(programs) {
		return nil, fmt.Errorf("ko built %d images, want %d", len(images), len(programs))
	}
	return images, nil
}

// pull reads an image, and the SBOM that ko has put beside it.
func pull(ctx context.Context, ref name.Digest) (image, error) {
	described, err := remote.Get(ref, remote.WithContext(ctx))
	if err != nil {
		return image{}, err
	}
	if !described.MediaType.IsImage() {
		return image{}, fmt.Errorf("%s is no single image but a %s", ref, described.MediaType)
	}
	i := image{digest: ref.DigestStr()}
	if i.Image, err = described.Image(); err != nil {
		return image{}, err
	}
	beside, err := remote.Image(ref.Context().Tag(strings.Replace(i.digest, ":", "-", 1)+".sbom"), remote.WithContext(ctx))
	if err != nil {
		return image{}, fmt.Errorf("read the SBOM of %s: %w", ref, err)
	}
	layers, err := beside.Layers()
	if err != nil {
		return image{}, err
	}
	if len(layers) != 1 {
		return image{}, fmt.Errorf("the SBOM of %s has %d parts, want 1", ref, len(layers))
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		return image{}, err
	}
	defer content.Close()
	i.sbom, err = io.ReadAll(content)
	return i, err
}
