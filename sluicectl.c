/* sluicectl.c - the operator's tool: check, show and explain the configuration. */
#include "config.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secrecy.h"
#include "conf/add.h"
#include "conf/conf.h"
#include "conf/import_run.h"
#include "conf/manual.h"
#include "conf/notes.h"
#include "conf/show.h"
#include "handlers/backup_command.h"
#include "handlers/channels_command.h"
#include "handlers/keys_command.h"
#include "handlers/models_command.h"
#include "handlers/prompts_command.h"
#include "handlers/route.h"
#include "handlers/tick.h"
#include "handlers/usage_report.h"

enum { EXIT_USAGE = 2 };

/* What the command line says. */
struct options {
	const char	*file;		/* -c, else the default path */
	bool		 man;		/* --man */
	char		**words;	/* all of it, for a command that takes words */
};

struct entry {
	const char	*name;
	const char	*operands;
	int		 (*run)(const struct options *);	/* either this */
	int		 (*run_words)(struct command *, char **words);	/* or this */
	const char	*help;
	void		 (*details)(FILE *);	/* of the operands, where they need more */
	bool		 takes_file;
	bool		 takes_man;
	bool		 takes_words;	/* reads them itself, and may return EXIT_USAGE */
};

static int	check(const struct options *);
static int	show_config(const struct options *);
static int	print_settings(const struct options *);
static int	import(const struct options *);
static int	add(const struct options *);
static int	tick(const struct options *);
static int	print_routes(const struct options *);
static int	print_version(const struct options *);
static int	print_help(const struct options *);

static const struct entry commands[] = {
	{ .name = "check", .operands = "[-c FILE]", .run = check,
	  .takes_file = true,
	  .help = "read the configuration and report every problem" },
	{ .name = "show-config", .operands = "[-c FILE]", .run = show_config,
	  .takes_file = true,
	  .help = "print the effective configuration, secrets masked" },
	{ .name = "settings", .operands = "[--man]", .run = print_settings,
	  .takes_man = true,
	  .help = "list every configuration key; --man: for the manual" },
	{ .name = "import", .operands = "KIND [SOURCE ...] -o DIR [-e FILE] "
	  "[--force]", .run = import, .details = import_print_kinds,
	  .takes_words = true,
	  .help = "turn another gateway's settings into files of ours" },
	{ .name = "add", .operands = "provider [-c FILE] [--name NAME] "
	  "[--kind KIND] [--base-url URL] [--api-version VERSION] "
	  "[--key-env VARIABLE|-] [--key-stdin] [--model NAME ...]",
	  .run = add, .takes_words = true,
	  .help = "write a new provider file; asks for what is not given" },
	{ .name = "keys", .operands = "add|set|enable|disable|rotate|delete NAME "
	  "[OPTION ...] | list [--json]; -c FILE",
	  .run_words = keys_command_run, .details = keys_command_print_help,
	  .help = "make, change and list the keys of clients" },
	{ .name = "prompts", .operands = "list|show|set|delete [OPTION ...]; "
	  "-c FILE", .run_words = prompts_command_run,
	  .details = prompts_command_print_help,
	  .help = "put system prompts before those of clients" },
	{ .name = "channels", .operands = "add|set|delete NAME [OPTION ...] | "
	  "list [--json]; -c FILE", .run_words = channels_command_run,
	  .details = channels_command_print_help,
	  .help = "make, change and list channels beside the provider files" },
	{ .name = "models", .operands = "add|delete MODEL | map|unmap MODEL "
	  "CHANNEL | list [--json]; -c FILE", .run_words = models_command_run,
	  .details = models_command_print_help,
	  .help = "make, map and list the models of channels" },
	{ .name = "tick", .operands = "[-c FILE]", .run = tick,
	  .takes_file = true,
	  .help = "probe channels, import the journal and tidy up, where no pool "
	  "does it" },
	{ .name = "usage", .operands = "[-c FILE] [--from TIME] [--to TIME] "
	  "[--by hour,day,key,model,provider] [--json]",
	  .run_words = usage_report_run,
	  .help = "print what was consumed, as far as it is imported" },
	{ .name = "backup", .operands = "FILE [-c FILE] [--force]",
	  .run_words = backup_command_run,
	  .help = "copy the database to FILE, while others work with it" },
	{ .name = "restore", .operands = "FILE [-c FILE]",
	  .run_words = backup_command_restore,
	  .help = "make a backup the database's contents; keeps the old one" },
	{ .name = "routes", .operands = "", .run = print_routes,
	  .help = "list every route: method, path, what it is" },
	{ .name = "version", .operands = "", .run = print_version,
	  .help = "print the version" },
	{ .name = "help", .operands = "", .run = print_help,
	  .help = "print this" },
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

/* A conf_report_fn; ARG counts the problems. */
static void
report(void *arg, const struct err_at *at)
{
	unsigned *problems = arg;

	(*problems)++;
	err_at_print(at, stderr);
}

static int
check(const struct options *options)
{
	unsigned problems = 0;
	struct conf *conf = conf_load(options->file, NULL, report, &problems);

	if (conf != NULL && problems == 0) {
		notes_print(stdout, conf);
		printf("configuration %s is fine: %zu provider%s\n",
		    options->file, conf->provider_count,
		    conf->provider_count == 1 ? "" : "s");
	} else
		fprintf(stderr, "configuration %s: %u problem%s\n",
		    options->file, problems, problems == 1 ? "" : "s");
	conf_free(conf);
	return problems == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
show_config(const struct options *options)
{
	unsigned problems = 0;
	struct conf *conf = conf_load(options->file, NULL, report, &problems);

	if (conf == NULL)
		return EXIT_FAILURE;
	printf("# file: %s\n", conf->file[0] == '\0' ? "(none)" : conf->file);
	show_main(stdout, conf);
	for (size_t i = 0; i < conf->provider_count; i++) {
		printf("\n# file: %s\n", conf->providers[i]->file);
		show_provider(stdout, conf, conf->providers[i]);
	}
	conf_free(conf);
	return problems == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
print_settings(const struct options *options)
{
	if (options->man)
		manual_page(stdout);
	else
		manual_list(stdout);
	return EXIT_SUCCESS;
}

static int
import(const struct options *options)
{
	return import_run(options->words, stdout, stderr);
}

/* Only somebody who types is asked. */
static int
add(const struct options *options)
{
	int terminal = !isatty(STDIN_FILENO) ? -1 :
	    open("/dev/tty", O_RDWR | O_CLOEXEC), status;

	status = add_run(options->words, options->file, terminal, stdout,
	    stderr);
	if (terminal >= 0)
		close(terminal);
	return status;
}

static int
tick(const struct options *options)
{
	unsigned problems = 0;
	struct conf *conf = conf_load(options->file, NULL, report, &problems);

	if (conf == NULL)
		return EXIT_FAILURE;
	log_open(NULL, LOG_LEVEL_WARN);	/* what probes find is printed */
	switch (tick_run(conf, stdout)) {
	case TICK_WELL:
		return EXIT_SUCCESS;
	case TICK_NOT_NEEDED:
		puts("nothing to do: a pool is running");
		return EXIT_SUCCESS;
	case TICK_NOT_SHARED:
		fputs("sluicectl: nothing was done, for it could be told to "
		    "nobody\n", stderr);
		return EXIT_FAILURE;
	case TICK_BROKEN:
		fputs("sluicectl: a library cannot be set up\n", stderr);
		return EXIT_FAILURE;
	default:
		return EXIT_FAILURE;
	}
}

static int
print_routes(const struct options *options)
{
	(void)options;
	for (size_t i = 0; i < route_count; i++)
		printf("%-6s %-26s %s\n", routes[i].method, routes[i].pattern,
		    routes[i].help);
	return EXIT_SUCCESS;
}

static int
print_version(const struct options *options)
{
	(void)options;
	puts("sluicectl " PACKAGE_VERSION);
	return EXIT_SUCCESS;
}

static void
print_usage(FILE *out)
{
	fputs("usage: sluicectl COMMAND\n", out);
	for (const struct entry *c = commands; c < commands + COMMAND_COUNT;
	    c++)
		fprintf(out, "  %-12s %s%s%s\n", c->name, c->operands,
		    strlen(c->operands) > 10 ? "\n               " : "\t",
		    c->help);
}

static int
print_help(const struct options *options)
{
	(void)options;
	print_usage(stdout);
	printf("Without -c the configuration is %s.\n", conf_default_path());
	return EXIT_SUCCESS;
}

static const struct entry *
command_find(const char *name)
{
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0)
		name = "version";
	for (const struct entry *c = commands; c < commands + COMMAND_COUNT;
	    c++)
		if (strcmp(name, c->name) == 0)
			return c;
	return NULL;
}

/* What stands behind the command's name. False: it does not belong there. */
static bool
options_parse(struct options *options, const struct entry *command,
    char **args)
{
	options->words = args;
	if (command->takes_words || command->run_words != NULL)
		return true;
	for (; *args != NULL; args++)
		if (command->takes_man && strcmp(*args, "--man") == 0)
			options->man = true;
		else if (command->takes_file && strcmp(*args, "-c") == 0 &&
		    args[1] != NULL && args[1][0] != '\0')
			options->file = *++args;
		else
			return false;
	return true;
}

static int
run(const struct entry *entry, const struct options *options)
{
	struct command command = { .in = stdin, .out = stdout, .err = stderr,
		.file = options->file, .now_s = time(NULL) };

	return entry->run_words == NULL ? entry->run(options) :
	    entry->run_words(&command, options->words);
}

int
main(int argc, char **argv)
{
	struct options options = { .file = conf_default_path() };
	const struct entry *command;
	int status;

	secrecy_begin();
	if (argc < 2 || (command = command_find(argv[1])) == NULL) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	status = options_parse(&options, command, argv + 2) ?
	    run(command, &options) : EXIT_USAGE;
	if (status == EXIT_USAGE) {
		fprintf(stderr, "usage: sluicectl %s %s\n", command->name,
		    command->operands);
		if (command->details != NULL)
			command->details(stderr);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("sluicectl: stdout");
		return EXIT_FAILURE;
	}
	return status;
}
