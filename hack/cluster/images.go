package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// baseImage is what ko puts programs on: CA certificates, time zones, a user.
const baseImage = "base/static:nonroot"

// nonroot is that user.
const nonroot = 65532

// maker makes an image.
type maker func(ctx context.Context) (v1.Image, error)

// nodeImages are those that a node cannot do without, by name.
func (c cluster) nodeImages() map[string]maker {
	return map[string]maker{
		baseImage: base,
		"pause:1": c.onBase("programs", "pause", 65535),
		"coredns": c.onBase("coredns", "coredns", nonroot),
	}
}

// publish puts images into the registry under the names that they have there,
// and returns what each is called with its digest, so that an image that has
// changed has another name.
func (c cluster) publish(ctx context.Context, images map[string]maker) (map[string]string, error) {
	published := map[string]string{}
	for short, maker := range images {
		image, err := maker(ctx)
		if err != nil {
			return nil, fmt.Errorf("make the image %s: %w", short, err)
		}
		ref, err := name.ParseReference(c.image(short))
		if err != nil {
			return nil, err
		}
		if err := remote.Write(ref, image, remote.WithContext(ctx)); err != nil {
			return nil, fmt.Errorf("push %s: %w", ref, err)
		}
		digest, err := image.Digest()
		if err != nil {
			return nil, err
		}
		published[short] = ref.Context().Digest(digest.String()).Name()
	}
	return published, nil
}

// load puts images that manifests name into the registry, under the names that
// they have elsewhere: without its first part, every name leads there.
func (c cluster) load(ctx context.Context, names []string) error {
	if _, ok := c.running(); !ok {
		return errors.New("there is no node: run hack/cluster/cluster up first")
	}
	if len(names) == 0 {
		names = []string{"postgres", "ollama", "hello"}
	}
	if err := c.build(ctx, []string{"programs"}); err != nil {
		return err
	}
	for _, n := range names {
		var images map[string]maker
		short, file, isFile := strings.Cut(n, "=")
		switch {
		case isFile:
			ref, err := name.ParseReference(short)
			if err != nil {
				return err
			}
			images = map[string]maker{
				ref.Context().RepositoryStr() + ":" + ref.Identifier(): func(context.Context) (v1.Image, error) {
					return tarball.ImageFromPath(file, nil)
				},
			}
		case n == "postgres":
			once := sync.OnceValues(func() (v1.Image, error) { return c.postgres(ctx) })
			made := func(context.Context) (v1.Image, error) { return once() }
			images = map[string]maker{"library/postgres:18": made, "library/postgres:18.4": made}
		case n == "ollama":
			images = map[string]maker{"ollama/ollama:" + ollamaVersion: c.ollama}
		case n == "hello":
			images = map[string]maker{"hello": c.onBase("programs", "hello", nonroot)}
		default:
			return fmt.Errorf("there is no image %q: postgres, ollama, hello or NAME=FILE.tar", n)
		}
		published, err := c.publish(ctx, images)
		if err != nil {
			return err
		}
		for short, ref := range published {
			if err := c.forget(ctx, short); err != nil {
				return err
			}
			say("%s is %s", short, ref)
		}
		if n == "ollama" {
			if err := c.pushModels(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget removes an image from the node's own store, so that the next pod gets
// the one that the registry has now, although its name says nothing of that.
func (c cluster) forget(ctx context.Context, short string) error {
	p, _ := c.running()
	socket := fmt.Sprintf("/proc/%d/root/run/containerd/containerd.sock", p.pid)
	images := func(args ...string) ([]byte, error) {
		out, err := exec.CommandContext(ctx, "ctr", append([]string{"--address", socket, "--namespace", "k8s.io", "images"}, args...)...).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("ctr images %s: %w: %s", args[0], err, bytes.TrimSpace(out))
		}
		return out, nil
	}
	all, err := images("list", "--quiet")
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(all)) {
		if strings.HasSuffix(name, "/"+short) {
			if _, err := images("remove", name); err != nil {
				return err
			}
		}
	}
	return nil
}

// onBase makes an image of one of our programs, which does not run as root.
func (c cluster) onBase(part, program string, user int) maker {
	return func(ctx context.Context) (v1.Image, error) {
		under, err := base(ctx)
		if err != nil {
			return nil, err
		}
		r := newRoot()
		r.copy("/"+program, c.program(part, program))
		return r.image(under, v1.Config{
			Entrypoint: []string{"/" + program},
			User:       fmt.Sprint(user),
			WorkingDir: "/",
		})
	}
}

func base(context.Context) (v1.Image, error) {
	r := newRoot()
	r.base("nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin")
	r.dir("/home/nonroot", 0o700, nonroot)
	content, err := r.content()
	if err != nil {
		return nil, err
	}
	// Compressed: ko's images inherit this layer, and their size is looked at.
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	return with(empty.Image, layer, v1.Config{
		User:       fmt.Sprint(nonroot),
		Env:        []string{"PATH=/usr/bin:/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
		WorkingDir: "/",
	})
}

// postgres makes an image that does what Docker's official one does, from the
// binaries that hack/postgres fetches. Its clients are those of a later Debian.
func (c cluster) postgres(ctx context.Context) (v1.Image, error) {
	server, err := c.postgresPrograms(ctx)
	if err != nil {
		return nil, err
	}
	server = filepath.Dir(server)
	if err := isPostgres(ctx, server, "18."); err != nil {
		return nil, err
	}
	clients, err := c.postgresClients(ctx)
	if err != nil {
		return nil, err
	}
	const home, user = "/usr/lib/postgresql/18", 999
	r := newRoot()
	r.base(
		"postgres:x:999:999:postgres:/var/lib/postgresql:/bin/sh",
		// initdb wants to know who it is, and these are who it is told to be.
		"user1000:x:1000:1000::/:/bin/sh",
		"nonroot:x:65532:65532::/:/bin/sh",
		"nobody:x:65534:65534::/:/bin/sh",
	)
	for _, dir := range []string{"bin", "lib", "share"} {
		r.tree(path.Join(home, dir), filepath.Join(server, dir), interpreted)
	}
	for _, pattern := range []string{"bin/*", "lib/*.so*", "lib/postgresql/*.so"} {
		files, _ := filepath.Glob(filepath.Join(server, pattern))
		for _, file := range files {
			if !interpreted(file) {
				r.libraries(ctx, file, server)
			}
		}
	}
	r.clients(ctx, clients)
	r.copy("/bin/busybox", "/usr/bin/busybox")
	for _, applet := range []string{"sh", "ls", "cat", "id", "test", "sleep", "env", "rm", "mkdir"} {
		r.link("/bin/"+applet, "busybox")
	}
	r.copy("/usr/local/bin/docker-entrypoint.sh", c.program("programs", "postgres"))
	r.dir("/docker-entrypoint-initdb.d", 0o755, 0)
	r.dir("/var/lib/postgresql", 0o1777, user)
	r.dir("/var/run/postgresql", 0o3777, user)
	return r.image(empty.Image, v1.Config{
		Entrypoint: []string{"/usr/local/bin/docker-entrypoint.sh"},
		Cmd:        []string{"postgres"},
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + home + "/bin",
			"PG_MAJOR=18", "PGDATA=/var/lib/postgresql/18/docker", "LANG=C.UTF-8",
		},
		ExposedPorts: map[string]struct{}{"5432/tcp": {}},
		Volumes:      map[string]struct{}{"/var/lib/postgresql": {}},
		StopSignal:   "SIGINT",
		WorkingDir:   "/",
	})
}

// interpreted says of a file that it wants an interpreter that is not here.
func interpreted(file string) bool {
	return strings.Contains(file, "plperl") || strings.Contains(file, "plpython") || strings.Contains(file, "pltcl")
}

func isPostgres(ctx context.Context, home, version string) error {
	out, err := exec.CommandContext(ctx, filepath.Join(home, "bin", "postgres"), "--version").Output()
	if err != nil {
		return fmt.Errorf("ask PostgreSQL in %s for its version: %w", home, err)
	}
	if !strings.Contains(string(out), " "+version) {
		return fmt.Errorf("%s is not PostgreSQL %s but %s", home, version, bytes.TrimSpace(out))
	}
	return nil
}

// ollamaVersion is that of hack/ollama/go.mod; a test compares.
const ollamaVersion = "0.24.0"

// ollama makes an image that does what Ollama's own does, without a GPU.
func (c cluster) ollama(ctx context.Context) (v1.Image, error) {
	program, err := c.ollamaProgram(ctx)
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(c.etc("ca.crt"))
	if err != nil {
		return nil, err
	}
	r := newRoot()
	r.trusted = authority
	r.base()
	r.dir("/root", 0o700, 0)
	r.copy("/usr/bin/ollama", program)
	r.libraries(ctx, program, "")
	r.link("/bin/ollama", "/usr/bin/ollama")
	return r.image(empty.Image, v1.Config{
		Entrypoint:   []string{"/bin/ollama"},
		Cmd:          []string{"serve"},
		Env:          []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "OLLAMA_HOST=0.0.0.0:11434"},
		ExposedPorts: map[string]struct{}{"11434/tcp": {}},
	})
}

// root is the file system of an image as it is put together: a tar archive in
// which no time and no user of this machine appears. Errors wait for image.
type root struct {
	archive *bytes.Buffer
	tar     *tar.Writer
	made    map[string]bool
	trusted []byte // an authority besides the usual ones
	errs    []error
}

func newRoot() *root {
	archive := new(bytes.Buffer)
	return &root{archive: archive, tar: tar.NewWriter(archive), made: map[string]bool{"/": true}}
}

func (r *root) add(h tar.Header, content []byte) {
	if r.made[h.Name] {
		return
	}
	if parent := path.Dir(h.Name); !r.made[parent] {
		r.dir(parent, 0o755, 0)
	}
	r.made[h.Name] = true
	h.Name = strings.TrimPrefix(h.Name, "/")
	h.Size = int64(len(content))
	if err := r.tar.WriteHeader(&h); err != nil {
		r.errs = append(r.errs, err)
	}
	if _, err := r.tar.Write(content); err != nil {
		r.errs = append(r.errs, err)
	}
}

func (r *root) dir(to string, mode int64, user int) {
	r.add(tar.Header{Typeflag: tar.TypeDir, Name: to, Mode: mode, Uid: user, Gid: user}, nil)
}

func (r *root) file(to string, mode int64, content []byte) {
	r.add(tar.Header{Typeflag: tar.TypeReg, Name: to, Mode: mode}, content)
}

func (r *root) link(to, target string) {
	r.add(tar.Header{Typeflag: tar.TypeSymlink, Name: to, Mode: 0o777, Linkname: target}, nil)
}

// copy copies a file, or what a link leads to.
func (r *root) copy(to, from string) {
	content, err := os.ReadFile(from)
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	mode := int64(0o644)
	if info, err := os.Stat(from); err == nil && info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	r.file(to, mode, content)
}

// tree copies a folder, links as links, without what is to be skipped.
func (r *root) tree(to, from string, skip func(file string) bool) {
	err := filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		at := path.Join(to, file[len(from):])
		switch {
		case err != nil:
			return err
		case skip(file) && entry.IsDir():
			return fs.SkipDir
		case skip(file) || entry.IsDir():
		case entry.Type() == fs.ModeSymlink:
			target, err := os.Readlink(file)
			r.link(at, target)
			return err
		default:
			r.copy(at, file)
		}
		return nil
	})
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

// libraries copies the libraries that a program is linked to, but for those in
// the folder apart.
func (r *root) libraries(ctx context.Context, program, apart string) {
	out, err := exec.CommandContext(ctx, "ldd", program).Output()
	if err != nil {
		return // not linked to anything
	}
	// libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x7f…), or a path alone.
	for word := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(word, "/") && !strings.HasSuffix(word, ":") && (apart == "" || !strings.HasPrefix(word, apart+"/")) {
			r.copy(word, word)
		}
	}
}

// base is what every image has, with these users besides root.
func (r *root) base(users ...string) {
	r.dir("/tmp", 0o1777, 0)
	const authorities = "/etc/ssl/certs/ca-certificates.crt"
	usual, err := os.ReadFile(authorities)
	if err != nil {
		r.errs = append(r.errs, err)
	}
	r.file(authorities, 0o644, append(usual, r.trusted...))
	const zones = "/usr/share/zoneinfo"
	r.tree(zones, zones, func(file string) bool {
		return slices.Contains([]string{"posix", "right", "localtime", "posixrules"}, filepath.Base(file))
	})
	users = append([]string{"root:x:0:0:root:/root:/sbin/nologin"}, users...)
	var groups strings.Builder
	for _, user := range users {
		field := strings.Split(user, ":")
		fmt.Fprintf(&groups, "%s:x:%s:\n", field[0], field[3])
	}
	r.file("/etc/passwd", 0o644, []byte(strings.Join(users, "\n")+"\n"))
	r.file("/etc/group", 0o644, []byte(groups.String()))
	r.file("/etc/nsswitch.conf", 0o644, []byte("passwd: files\ngroup: files\nhosts: files dns\n"))
}

// content is the archive, finished.
func (r *root) content() ([]byte, error) {
	r.errs = append(r.errs, r.tar.Close())
	return r.archive.Bytes(), errors.Join(r.errs...)
}

// image makes an image of it, on another one. Its layer is not compressed: it
// goes over the loopback device, and is unpacked at once.
func (r *root) image(under v1.Image, settings v1.Config) (v1.Image, error) {
	content, err := r.content()
	if err != nil {
		return nil, err
	}
	return with(under, static.NewLayer(content, types.OCIUncompressedLayer), settings)
}

// with puts a layer and settings on an image, which keeps its environment.
func with(under v1.Image, layer v1.Layer, settings v1.Config) (v1.Image, error) {
	under = mutate.ConfigMediaType(mutate.MediaType(under, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.AppendLayers(under, layer)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	settings.Env = append(file.Config.Env, settings.Env...)
	file.Config = settings
	return mutate.ConfigFile(image, file)
}
