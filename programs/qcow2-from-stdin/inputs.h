// SPDX-License-Identifier: GPL-2.0-or-later
//
// From the sources of a job to what is restored: one disk, or streams.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "qcow2-from-stdin/job.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/proof.h"
#include "qcow2stream/qcow2.h"
#include "qcow2stream/restore.h"
#include "system/fd.h"

namespace qcow2stream::cli {

// All of them, oldest first: with --chain those that are found in its directory, too. Throws
// Error{kMismatch} where one is missing there.
std::vector<Source> sources_of(const InputJob& job);

// A source that is open.
struct OpenedInput {
  std::string name;                  // in messages
  std::shared_ptr<const Disk> file;  // null: it can be read only once, as a stream
  int stream = -1;                   // from its beginning; -1: `file` is read in order instead
  UniqueFd owned;                    // the same, where it is ours
};

struct Images {
  std::vector<OpenedInput> inputs;   // oldest first
  std::shared_ptr<const Disk> disk;  // of all of them; null: they are streams
  Qcow2Remainder remainder;          // what the newest one holds beside it
  // What the newest one says of its content, if that is known before it is read.
  std::optional<ImageRoots> roots;
  // Nobody can tell whether they belong together, or in which order.
  bool order_is_unknown = false;
};

// Whether none of them is a stream that is gone once it has been read.
bool can_be_read_again(const Images& images);

// The disk that all images make, which can be read again. Throws as open_images() does.
std::shared_ptr<const Disk> disk_of_all(const InputJob& job, const Images& images);

// Throws Error{kMismatch} where the images are no chain, or an increment whose base is not there;
// kDamaged where one is damaged; UsageError where something that can be read only once would have
// to be read otherwise.
Images open_images(const InputJob& job, const std::vector<Source>& sources);

// What the library finds in an image that can be read at any place is an error of the disk; here it
// is damage. Anything else stays as it is.
Error as_damage(const Error& error);

}  // namespace qcow2stream::cli
