// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/option_table.h"

#include <array>

#include "common/option_values.h"

namespace qcow2stream::cli {
namespace {

// What standard output carries where TARGET is "-"; it may be needed for --compare, too.
constexpr const char* kCarried = "the disk";

using Said = CommandLine;
using Row = Option<Said>;
using Group = OptionGroup<Said>;

void set_threads(Said& said, const char* value) {
  said.threads = threads_value(value);
}

// --- the table ----------------------------------------------------------------------------------

constexpr std::array kImageOptions = {
    Row{{'i', "input", Value::kRequired, "FILE",
         "an image, in place of standard input;\nrepeated: a chain, oldest first"},
        [](Said& said, const char* value) { said.inputs.push_back(source_of(path_value(value))); }},
    Row{{0, "chain", Value::kRequired, "DIR", "with one -i: its backing files are in DIR"},
        [](Said& said, const char* value) { said.chain = path_value(value); }},
    Row{{0, "ignore-names", Value::kNone, "", "whatever backing files' names are recorded"},
        [](Said& said, const char*) { said.ignore_names = true; }},
    Row{{'l', "snapshot", Value::kRequired, "NAME", "an internal snapshot of an image in a file"},
        [](Said& said, const char* value) { said.snapshot = path_value(value); }},
    Row{{0, "size", Value::kRequired, "N", "bytes of the image that must come"},
        [](Said& said, const char* value) { said.size = size_value(value); }},
    Row{{0, "expect-digest", Value::kRequired, "ALGO=FILE",
         "of the image: FILE has it; or ALGO:HEX"},
        [](Said& said, const char* value) {
          said.digests.push_back(expected_digest_value(value));
        }},
    Row{{0, "isolate", Value::kNone, "", "take the image apart in a confined process"},
        [](Said& said, const char*) { said.isolate = true; }},
    Row{{0, "salvage", Value::kNone, "", "what is damaged is left out, with status 5"},
        [](Said& said, const char*) { said.salvage = true; }},
    Row{{0, "ignore-root", Value::kNone, "", "although it was written to since it was made"},
        [](Said& said, const char*) { said.ignore_root = true; }},
    Row{{0, "spool-memory", Value::kRequired, "N", "memory for what comes too early (64M)"},
        [](Said& said, const char* value) { said.spool_memory = size_value(value); }},
    Row{{0, "spool-dir", Value::kRequired, "DIR", "where the rest of it is kept (nowhere)"},
        [](Said& said, const char* value) { said.spool_directory = path_value(value); }},
};

constexpr std::array kContentOptions = {
    Row{{0, "manifest", Value::kRequired, "FILE", "what the disk should hold, by its manifest"},
        [](Said& said, const char* value) { said.manifest = path_value(value); }},
    Row{{0, "expect-root", Value::kRequired, "ROOT", "the same, by its root"},
        [](Said& said, const char* value) {
          said.root = parse_root(value);
          if (!said.root) bad_value(value, "is no root; --measure=root prints it");
        }},
    Row{{0, "base-manifest", Value::kRequired, "FILE", "what TARGET holds before --apply"},
        [](Said& said, const char* value) { said.base_manifest = path_value(value); }},
    Row{{0, "trust-target", Value::kNone, "", "do not look at TARGET before --apply"},
        [](Said& said, const char*) { said.trust_target = true; }},
    Row{{0, "save-manifest", Value::kRequired, "FILE", "write one, of what is restored"},
        [](Said& said, const char* value) { said.save_manifest = path_value(value); }},
};

constexpr std::array kTargetOptions = {
    Row{{0, "apply", Value::kNone, "", "TARGET holds the backing file: write changes"},
        [](Said& said, const char*) { said.apply = true; }},
    Row{{0, "skip-equal", Value::kNone, "", "read TARGET, and write only what differs"},
        [](Said& said, const char*) { said.skip_equal = true; }},
    Row{{0, "compare", Value::kNone, "", "write nothing: print the ranges that differ"},
        [](Said& said, const char*) { said.compare = true; }},
    Row{{0, "no-image", Value::kNone, "", "compare with --manifest or --expect-root alone"},
        [](Said& said, const char*) { said.no_image = true; }},
    Row{{0, "check", Value::kNone, "", "no TARGET: is the image sound?"},
        [](Said& said, const char*) { said.check = true; }},
    Row{{0, "verify", Value::kNone, "", "read TARGET back afterwards, and compare"},
        [](Said& said, const char*) { said.verify = true; }},
    Row{{0, "overwrite", Value::kNone, "", "replace a file that exists, when all is there"},
        [](Said& said, const char*) { said.overwrite = true; }},
    Row{{0, "target-is-zero", Value::kNone, "", "TARGET reads as zeros: do not zero it"},
        [](Said& said, const char*) { said.target_is_zero = true; }},
    Row{{0, "no-sparse", Value::kNone, "", "write zeros that the image holds as data"},
        [](Said& said, const char*) { said.no_sparse = true; }},
    Row{{0, "max-size", Value::kRequired, "N", "refuse a larger disk"},
        [](Said& said, const char* value) { said.max_size = size_value(value); }},
    Row{{0, "flush", Value::kNone, "", ""}, [](Said&, const char*) {}},
};

constexpr std::array kOtherOptions = {
    Row{{'U', "force-share", Value::kNone, "", "even if QEMU has files open"},
        [](Said& said, const char*) { said.force_share = true; }},
    Row{{0, "connections", Value::kRequired, "N", "to an NBD server, where it takes several"},
        [](Said& said, const char* value) { said.connections = connections_value(value); }},
    Row{{0, "requests", Value::kRequired, "N", "in flight on each connection"},
        [](Said& said, const char* value) { said.requests = requests_value(value); }},
    Row{{0, "timeout", Value::kRequired, "SECONDS", "give up an NBD server that is silent (60)"},
        [](Said& said, const char* value) { said.timeout = timeout_value(value); }},
    Row{{0, "limit-rate", Value::kRequired, "N", "bytes a second at most, on the average"},
        [](Said& said, const char* value) {
          said.limit_rate = size_value(value);
          if (said.limit_rate == 0) bad_value(value, "is no rate");
        }},
    Row{{'p', "progress", Value::kAttached, "FD", "progress bar; with FD: lines N/100 there"},
        [](Said& said, const char* value) {
          said.telling.progress = value != nullptr ? ProgressStyle::kLines : ProgressStyle::kBar;
          if (value != nullptr) said.telling.progress_fd = progress_fd_value(value, kCarried);
        }},
    Row{{'q', "quiet", Value::kNone, "", "no progress bar, no warnings"},
        [](Said& said, const char*) { said.telling.quiet = true; }},
    Row{{0, "report", Value::kRequired, "FILE|FD", "what happens, as lines of JSON"},
        [](Said& said, const char* value) { said.report = report_value(value, kCarried); }},
    Row{{0, "verbose", Value::kNone, "", "say what is done and how"},
        [](Said& said, const char*) { said.telling.verbose = true; }},
    Row{{'T', "threads", Value::kRequired, "N", "worker threads; 0: one a core (default)"},
        set_threads},
    Row{{'j', "", Value::kRequired, "", ""}, set_threads},
    Row{{'h', "help", Value::kNone, "", "this text"},
        [](Said& said, const char*) { said.text = Text::kHelp; }},
    Row{{'V', "version", Value::kNone, "", "the version"},
        [](Said& said, const char*) { said.text = Text::kVersion; }},
};

constexpr std::array<Group, 4> kGroups = {{{"Image", kImageOptions},
                                           {"Content", kContentOptions},
                                           {"TARGET", kTargetOptions},
                                           {"Other", kOtherOptions}}};

}  // namespace

std::span<const OptionGroup<CommandLine>> option_groups() {
  return kGroups;
}

}  // namespace qcow2stream::cli
