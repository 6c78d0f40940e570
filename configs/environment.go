package configs

import (
	"reflect"
	"slices"
	"strings"
)

const envPrefix = "VENUECAST_"

// envName is the variable that sets the key at path.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "__"))
}

// environMap is environ by name. Of a name's repetitions the first counts,
// as it does for os.Getenv.
func environMap(environ []string) map[string]string {
	m := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if _, again := m[name]; !again {
			m[name] = value
		}
	}
	return m
}

// applyEnvironment sets single values from the environment, over the file's.
func (d *document) applyEnvironment() {
	keyVariables := map[string]bool{}
	for _, dest := range d.cfg.Broadcast.Destinations {
		keyVariables[dest.KeyEnv] = true
	}
	values := map[string]reflect.Value{} // by variable
	paths := map[string]string{}
	lists := map[string]string{}
	eachKey(reflect.TypeFor[Config](), "", func(path string, t reflect.Type) {
		switch {
		case strings.Contains(path, "[]") || isSection(t):
		case t.Kind() == reflect.Slice:
			lists[envName(path)] = path
		default:
			paths[envName(path)] = path
		}
	})
	eachValue(reflect.ValueOf(&d.cfg).Elem(), "", func(path string, v reflect.Value) {
		values[envName(path)] = v
	})
	for variable, text := range d.origin.environ {
		if !strings.HasPrefix(variable, envPrefix) || text == "" || keyVariables[variable] {
			continue
		}
		path, known := paths[variable]
		if !known {
			d.unknownVariable(variable, paths, lists)
			continue
		}
		at := place{variable: variable}
		d.origin.at[path] = at
		if message, hint := setScalar(values[variable], text, kindVariable, keys[path]); message != "" {
			d.failAt(at, path, message, hint)
		}
	}
}

// unknownVariable reports a variable that has our prefix and sets nothing. One
// without __ may be somebody else's, and is worth a warning only.
func (d *document) unknownVariable(variable string, paths, lists map[string]string) {
	at := place{variable: variable}
	for list, path := range lists {
		if variable == list || strings.HasPrefix(variable, list+"__") {
			d.failAt(at, path, "a list cannot be set from the environment", "set it in the file")
			return
		}
	}
	p := d.origin.problemAt(at, "", "sets no key of the configuration", "")
	candidates := make([]string, 0, len(paths))
	for name := range paths {
		candidates = append(candidates, name)
	}
	slices.Sort(candidates)
	for _, name := range candidates {
		if strings.ReplaceAll(name, "__", "_") == strings.ReplaceAll(variable, "__", "_") {
			p.Hint = "did you mean " + name + "?"
		}
	}
	if near := nearest(variable, candidates); p.Hint == "" && near != "" {
		p.Hint = "did you mean " + near + "?"
	}
	p.Warning = !strings.Contains(strings.TrimPrefix(variable, envPrefix), "__")
	d.problems = append(d.problems, p)
}
