// SPDX-License-Identifier: GPL-2.0-or-later
//
// From a source to a disk. A format is a layer over the bytes of the source.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/source.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/nbd.h"
#include "qcow2stream/progress.h"
#include "qcow2stream/qcow2.h"
#include "qcow2stream/salvage.h"

namespace qcow2stream::cli {

// How a source is read. What it is asked about changes (NbdOptions::bitmap, the unit of a top
// image or of several) it answers in OpenedSource::changes.
struct Reading {
  // "raw", "auto", or the name of a QEMU block driver. Nothing: raw, and nobody has said so. Other
  // formats than raw and qcow2 are read from a file only.
  std::optional<std::string> format;
  NbdOptions nbd;
  std::optional<TopImages> top;         // Qcow2Options
  std::optional<std::string> snapshot;  // Qcow2Options
  bool carry_bitmaps = false;           // Qcow2Options
  bool isolate = false;                 // QemuOptions, open_qcow2_confined()
  bool force_share = false;             // FileOptions
  bool salvage = false;                 // what cannot be read becomes zeros
  // Bytes: only so much of it counts.
  std::optional<std::uint64_t> only_first;
  // It is read once, from its beginning to its end: standard input of a known size need not be
  // kept.
  bool in_one_pass = false;
  // Where standard input is kept; nothing: $TMPDIR or /var/tmp.
  std::optional<std::string> spool_directory;
};

struct Input {
  Source source;
  Reading reading;
};

// Who makes a disk of an image.
enum class Reader {
  kNobody,  // there is no image but the disk itself, or a server has it
  kNative,
  kConfined,  // a helper of ours
  kQemu,
};

struct OpenedSource : Opened {
  // What the user should know about it, as a message.
  std::optional<std::string> warning;
  Reader reader = Reader::kNobody;
  // Why it is QEMU, where it is not always: an image may have what only QEMU reads.
  std::string why_qemu;
  // What the image holds beside it, as far as that is known.
  Qcow2Remainder remainder;
  // Fills as the disk is read, where it is salvaged; else null.
  std::shared_ptr<LostRanges> lost;
};

// The format that is meant where none was said.
std::string format_of(const Reading& reading);

// Whether the disk is the bytes of a file, a device or standard input as they are.
bool is_taken_as_it_is(const Input& input);

// The size that the source is said to have, before it is read.
std::optional<std::uint64_t> announced_size(const Source& source);

// Opens the source; standard input is read to its end, unless that can wait. Throws Error.
OpenedSource open_source(const Input& input, Progress& progress);

}  // namespace qcow2stream::cli
