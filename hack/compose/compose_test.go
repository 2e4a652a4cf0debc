// Package compose checks compose.yaml, as far as that can be done without
// Docker: by the loader that Docker Compose itself is built on.
package compose

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/todochat/todochat/hack/settings"
	"github.com/todochat/todochat/internal/account"
)

const root = "../.."

// hint is how the variables that must be there are made.
const hint = "go run ./hack/secrets -env .env"

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// variables are what .env holds.
func variables(t *testing.T) map[string]string {
	t.Helper()
	key, err := account.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"POSTGRES_PASSWORD": "of-the-owner", "TODO_DATABASE_PASSWORD": "of-todo", "CHAT_DATABASE_PASSWORD": "of-chat",
		"SIGNING_KEY": key,
	}
}

// load reads text as Compose does: names that it does not know are refused.
func load(ctx context.Context, text string, env map[string]string) (*types.Project, error) {
	return loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(text)}},
		Environment: maps.Clone(env),
	})
}

// checks return what is wrong with a project, one sentence a mistake.
var checks = map[string]func(*types.Project) []string{
	"EachProgramIsAService":               services,
	"ImagesAreThoseOfKnativeAndKo":        images,
	"EverySettingIsReadByItsProgram":      settingsOf,
	"AddressesLeadToServices":             addresses,
	"SecretsComeFromVariables":            secrets,
	"OnlyTheFrontendIsPublished":          ports,
	"HealthChecksHaveSomethingToRun":      healthChecks,
	"ServicesWaitForWhatTheyNeed":         dependencies,
	"DataIsOnNamedVolumes":                volumes,
	"ContainersMayDoNoMoreThanTheyNeedTo": privileges,
}

func TestComposeFile(t *testing.T) {
	t.Parallel()
	project, err := load(t.Context(), read(t), variables(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			for _, mistake := range check(project) {
				t.Error(mistake)
			}
		})
	}
}

// program returns the folder of the program that a service of ours runs.
func program(service string) (folder string, ours bool) {
	for _, p := range settings.Programs {
		if path.Base(p) == service {
			return p, true
		}
	}
	return "", false
}

func services(p *types.Project) []string {
	want := []string{"ollama", "postgres"}
	for _, folder := range settings.Programs {
		want = append(want, path.Base(folder))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, p.ServiceNames()); diff != "" {
		return []string{"the services differ (-want +got):\n" + diff}
	}
	return nil
}

// images compares with what config/knative runs, and with the name that
// KO_DOCKER_REPO=ko.local ko build --base-import-paths gives: the last part of
// the import path, and the tag latest.
func images(p *types.Project) (mistakes []string) {
	files, err := filepath.Glob(filepath.Join(root, "config/knative/*.yaml"))
	if err != nil {
		return []string{err.Error()}
	}
	var deployed []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return []string{err.Error()}
		}
		for _, found := range regexp.MustCompile(`(?m)^ +(?:- )?image: (\S+)$`).FindAllSubmatch(text, -1) {
			deployed = append(deployed, string(found[1]))
		}
	}
	for name, s := range p.Services {
		if folder, ours := program(name); ours {
			if want := "ko.local/" + path.Base(folder) + ":latest"; s.Image != want || s.PullPolicy != types.PullPolicyNever {
				mistakes = append(mistakes, fmt.Sprintf("%s runs image %s (pull policy %q), want %s, never pulled", name, s.Image, s.PullPolicy, want))
			}
			folder = "ko://github.com/todochat/todochat/" + folder
			if !slices.Contains(deployed, folder) {
				mistakes = append(mistakes, "config/knative does not run "+folder)
			}
		} else if !slices.Contains(deployed, s.Image) {
			mistakes = append(mistakes, fmt.Sprintf("%s runs image %s, which config/knative does not", name, s.Image))
		}
	}
	return mistakes
}

func settingsOf(p *types.Project) (mistakes []string) {
	for name, s := range p.Services {
		folder, ours := program(name)
		if !ours {
			continue
		}
		known, err := settings.Read(root, folder)
		if err != nil {
			return []string{err.Error()}
		}
		given := maps.Clone(s.Environment)
		for _, k := range known {
			if value := given[k.Name]; k.Required && (value == nil || *value == "") {
				mistakes = append(mistakes, fmt.Sprintf("%s does not get the %s that it requires", name, k.Name))
			}
			delete(given, k.Name)
		}
		for variable := range given {
			mistakes = append(mistakes, fmt.Sprintf("%s gets a %s that it does not read", name, variable))
		}
	}
	return mistakes
}

// port is what a program listens on: its PORT, or the default of that.
func port(s types.ServiceConfig) string {
	if value := valueOf(s, "PORT"); value != "" {
		return value
	}
	folder, ours := program(s.Name)
	if !ours {
		return map[string]string{"postgres": "5432", "ollama": "11434"}[s.Name]
	}
	known, err := settings.Read(root, folder)
	if err != nil {
		return err.Error()
	}
	for _, k := range known {
		if k.Name == "PORT" {
			return k.Default
		}
	}
	return ""
}

func valueOf(s types.ServiceConfig, variable string) string {
	if value := s.Environment[variable]; value != nil {
		return *value
	}
	return ""
}

// addresses follows each address to the service, and the port of it, that is
// meant.
func addresses(p *types.Project) (mistakes []string) {
	targets := map[string]string{"TODO_URL": "todo", "CHAT_URL": "chat", "OLLAMA_HOST": "ollama", "DATABASE_URL": "postgres"}
	found := 0
	for name, s := range p.Services {
		for variable, target := range targets {
			value := valueOf(s, variable)
			if value == "" {
				continue
			}
			found++
			u, err := url.Parse(value)
			if want := net.JoinHostPort(target, port(p.Services[target])); err != nil || u.Host != want {
				mistakes = append(mistakes, fmt.Sprintf("%s of %s does not lead to %s", variable, name, want))
				continue
			}
			database := valueOf(p.Services["postgres"], "POSTGRES_DB")
			if variable == "DATABASE_URL" && (u.Path != "/"+database || u.RawQuery != "sslmode=disable") {
				mistakes = append(mistakes, fmt.Sprintf("%s of %s does not lead to the database %s, without TLS", variable, name, database))
			}
		}
	}
	if found != 7 {
		mistakes = append(mistakes, fmt.Sprintf("%d addresses, want 7: chat would look for Ollama in its own container", found))
	}
	return mistakes
}

// secrets follows each secret from its variable to all that must have it.
func secrets(p *types.Project) (mistakes []string) {
	owner, todo, chat := p.Environment["POSTGRES_PASSWORD"], p.Environment["TODO_DATABASE_PASSWORD"], p.Environment["CHAT_DATABASE_PASSWORD"]
	for _, s := range []struct{ service, variable, want string }{
		{"postgres", "POSTGRES_PASSWORD", owner},
		{"migrate", "TODO_DATABASE_PASSWORD", todo},
		{"migrate", "CHAT_DATABASE_PASSWORD", chat},
		{"todo", "SIGNING_KEY", p.Environment["SIGNING_KEY"]},
	} {
		if got := valueOf(p.Services[s.service], s.variable); got != s.want {
			mistakes = append(mistakes, fmt.Sprintf("%s of %s is %q, not that of .env", s.variable, s.service, got))
		}
	}
	for service, want := range map[string]*url.Userinfo{
		"migrate": url.UserPassword("postgres", owner), "todo": url.UserPassword("todo", todo), "chat": url.UserPassword("chat", chat),
	} {
		u, err := url.Parse(valueOf(p.Services[service], "DATABASE_URL"))
		if err != nil || u.User.String() != want.String() {
			mistakes = append(mistakes, fmt.Sprintf("DATABASE_URL of %s is not of its role with the password of .env", service))
		}
	}
	if _, err := account.ParseSigner([]byte(valueOf(p.Services["todo"], "SIGNING_KEY"))); err != nil {
		mistakes = append(mistakes, "todo cannot sign: "+err.Error())
	}
	return mistakes
}

func ports(p *types.Project) (mistakes []string) {
	published := p.Environment["PORT"]
	if published == "" {
		published = "3000"
	}
	for name, s := range p.Services {
		var got, want []string
		for _, p := range s.Ports {
			got = append(got, fmt.Sprintf("%s:%s:%d/%s", p.HostIP, p.Published, p.Target, p.Protocol))
		}
		if name == "frontend" {
			want = []string{"127.0.0.1:" + published + ":" + port(s) + "/tcp"}
		}
		if !slices.Equal(got, want) || s.NetworkMode != "" {
			mistakes = append(mistakes, fmt.Sprintf("%s publishes %v (network mode %q), want %v", name, got, s.NetworkMode, want))
		}
	}
	return mistakes
}

// healthChecks knows what the images hold: ours one static program, without a
// shell; the others the program that is asked, which is run without one too.
func healthChecks(p *types.Project) (mistakes []string) {
	holds := map[string]string{"postgres": "pg_isready", "ollama": "ollama"}
	for name, s := range p.Services {
		has, want := s.HealthCheck, holds[name]
		switch {
		case want == "" && has != nil:
			mistakes = append(mistakes, fmt.Sprintf("%s has a health check that its image cannot run: %v", name, has.Test))
		case want != "" && (has == nil || has.Disable || len(has.Test) < 2 || has.Test[0] != "CMD" || has.Test[1] != want):
			mistakes = append(mistakes, fmt.Sprintf("%s is not asked by %s", name, want))
		}
	}
	return mistakes
}

func dependencies(p *types.Project) (mistakes []string) {
	want := map[string]map[string]string{
		"migrate":  {"postgres": types.ServiceConditionHealthy},
		"todo":     {"migrate": types.ServiceConditionCompletedSuccessfully},
		"chat":     {"migrate": types.ServiceConditionCompletedSuccessfully},
		"frontend": {"todo": types.ServiceConditionStarted, "chat": types.ServiceConditionStarted},
		"postgres": {},
		"ollama":   {},
	}
	for name, s := range p.Services {
		got := map[string]string{}
		for other, how := range s.DependsOn {
			got[other] = how.Condition
		}
		if diff := cmp.Diff(want[name], got); diff != "" {
			mistakes = append(mistakes, fmt.Sprintf("%s does not wait for what it needs (-want +got):\n%s", name, diff))
		}
	}
	return mistakes
}

func volumes(p *types.Project) (mistakes []string) {
	want := map[string]string{"postgres": "/var/lib/postgresql", "ollama": "/root/.ollama"}
	for name, s := range p.Services {
		target, keeps := want[name]
		switch {
		case !keeps && len(s.Volumes) > 0:
			mistakes = append(mistakes, name+" has a volume, but keeps nothing")
		case keeps && (len(s.Volumes) != 1 || s.Volumes[0].Type != types.VolumeTypeVolume || s.Volumes[0].Source != name || s.Volumes[0].Target != target):
			mistakes = append(mistakes, fmt.Sprintf("%s does not keep %s on the volume %s", name, target, name))
		}
	}
	return mistakes
}

func privileges(p *types.Project) (mistakes []string) {
	const drain = 25 * time.Second // how long internal/web answers what it has accepted
	for name, s := range p.Services {
		_, ours := program(name)
		if !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) || s.Privileged || len(s.CapAdd) > 0 {
			mistakes = append(mistakes, name+" may gain privileges")
		}
		if ours && (!s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"})) {
			mistakes = append(mistakes, name+" may write to its image, or has capabilities")
		}
		if want := map[bool]string{true: types.RestartPolicyNo, false: types.RestartPolicyUnlessStopped}[name == "migrate"]; s.Restart != want {
			mistakes = append(mistakes, fmt.Sprintf("%s restarts %q, want %q", name, s.Restart, want))
		}
		if ours && (s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) <= drain) {
			mistakes = append(mistakes, name+" is killed before it has answered what it accepted")
		}
	}
	return mistakes
}

func TestThePublishedPortCanBeChosen(t *testing.T) {
	t.Parallel()
	env := variables(t)
	env["PORT"] = "4000"
	project, err := load(t.Context(), read(t), env)
	if err != nil {
		t.Fatal(err)
	}
	for _, mistake := range append(ports(project), addresses(project)...) {
		t.Error(mistake)
	}
}

// TestAMissingSecretIsNamed: without it nothing starts, and the message says
// how to make it.
func TestAMissingSecretIsNamed(t *testing.T) {
	t.Parallel()
	if !strings.Contains(read(t), "#   "+hint+"\n") {
		t.Errorf("the head of compose.yaml does not say %q", hint)
	}
	for name := range variables(t) {
		for _, state := range []string{"unset", "empty"} {
			env := variables(t)
			env[name] = ""
			if state == "unset" {
				delete(env, name)
			}
			_, err := load(t.Context(), read(t), env)
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), hint) {
				t.Errorf("with %s %s: %v, want its name and %q", name, state, err, hint)
			}
		}
	}
}

func TestGitIgnoresTheSecrets(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Split(string(text), "\n"), "/.env") {
		t.Error(".gitignore lacks /.env")
	}
}

// TestMistakesAreFound makes each mistake in the file, and expects the check
// that is there for it, or the loader, to find it.
func TestMistakesAreFound(t *testing.T) {
	t.Parallel()
	const loading = "loading"
	for _, m := range []struct{ check, old, new string }{
		{loading, "read_only: true", "readonly: true"},
		{loading, "  ollama:\n    image:", "  ollama:\n    command: serve\n    command: serve\n    image:"},
		{loading, "      migrate:\n        condition:", "      migration:\n        condition:"},
		{loading, "\nvolumes:\n  postgres:\n", "\nvolumes:\n"},
		{"EachProgramIsAService", "  ollama:\n    image:", "  model:\n    image:"},
		{"ImagesAreThoseOfKnativeAndKo", "postgres:18.4", "postgres:17"},
		{"ImagesAreThoseOfKnativeAndKo", "ollama/ollama:0.24.0", "ollama/ollama"},
		{"ImagesAreThoseOfKnativeAndKo", "ko.local/todo:latest", "ko.local/functions/todo:latest"},
		{"ImagesAreThoseOfKnativeAndKo", "pull_policy: never", "pull_policy: missing"},
		{"EverySettingIsReadByItsProgram", "INTERPRETER: ${", "INTERPRETOR: ${"},
		{"EverySettingIsReadByItsProgram", "      CHAT_URL: http://chat:8080\n", ""},
		{"AddressesLeadToServices", "CHAT_URL: http://chat:8080", "CHAT_URL: http://chat:8081"},
		{"AddressesLeadToServices", "      OLLAMA_HOST: http://ollama:11434\n", ""},
		{"AddressesLeadToServices", "POSTGRES_DB: todochat", "POSTGRES_DB: todo"},
		{"SecretsComeFromVariables", "${POSTGRES_PASSWORD:?make it with " + hint + "}\"", "secret\""},
		{"SecretsComeFromVariables", "postgres://chat:${CHAT", "postgres://chat:${TODO"},
		{"SecretsComeFromVariables", "postgres://chat:", "postgres://postgres:"},
		{"SecretsComeFromVariables", "${SIGNING_KEY:?make it with " + hint + "}", "key"},
		{"OnlyTheFrontendIsPublished", "127.0.0.1:${PORT", "${PORT"},
		{"OnlyTheFrontendIsPublished", ":8080\"", ":3000\""},
		{"OnlyTheFrontendIsPublished", "    volumes:\n      - postgres:", "    ports: [\"5432:5432\"]\n    volumes:\n      - postgres:"},
		{"HealthChecksHaveSomethingToRun", "[CMD, pg_isready,", "[CMD, curl,"},
		{"HealthChecksHaveSomethingToRun", "test: [CMD, ollama, list]", "test: ollama list"},
		{"HealthChecksHaveSomethingToRun", "image: ko.local/chat:latest\n", "image: ko.local/chat:latest\n    healthcheck:\n      test: curl localhost:8080/readyz\n"},
		{"ServicesWaitForWhatTheyNeed", "service_healthy", "service_started"},
		{"ServicesWaitForWhatTheyNeed", "service_completed_successfully", "service_started"},
		{"ServicesWaitForWhatTheyNeed", "[todo, chat]", "[todo]"},
		{"DataIsOnNamedVolumes", "postgres:/var/lib/postgresql ", "postgres:/var/lib/postgresql/data "},
		{"DataIsOnNamedVolumes", "ollama:/root/.ollama", "./ollama:/root/.ollama"},
		{"ContainersMayDoNoMoreThanTheyNeedTo", "  cap_drop: [ALL]\n", ""},
		{"ContainersMayDoNoMoreThanTheyNeedTo", "  read_only: true\n", ""},
		{"ContainersMayDoNoMoreThanTheyNeedTo", "no-new-privileges:true", "no-new-privileges:false"},
		{"ContainersMayDoNoMoreThanTheyNeedTo", "    restart: \"no\"\n", ""},
		{"ContainersMayDoNoMoreThanTheyNeedTo", "  stop_grace_period: 30s", "  stop_grace_period: 10s"},
	} {
		text := read(t)
		if !strings.Contains(text, m.old) {
			t.Errorf("compose.yaml has no %q to change", m.old)
			continue
		}
		project, err := load(t.Context(), strings.Replace(text, m.old, m.new, 1), variables(t))
		if m.check == loading {
			if err == nil {
				t.Errorf("%q for %q is loaded", m.new, m.old)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q for %q is not loaded: %v", m.new, m.old, err)
		} else if len(checks[m.check](project)) == 0 {
			t.Errorf("%s does not find %q for %q", m.check, m.new, m.old)
		}
	}
}
