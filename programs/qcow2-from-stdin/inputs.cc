// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/inputs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/errors.h"
#include "common/usage_error.h"
#include "qcow2-from-stdin/chain_roots.h"
#include "qcow2stream/error.h"
#include "qcow2stream/file.h"
#include "qcow2stream/qcow2.h"
#include "system/descriptor_name.h"

namespace qcow2stream::cli {
namespace {

// --- one source ---------------------------------------------------------------------------------

OpenedInput open_stdin(const InputJob& job, const std::string& name) {
  if (::isatty(STDIN_FILENO) != 0) {
    throw Error(ErrorKind::kFailed, name, "is a terminal", "redirect an image into it");
  }
  OpenedInput input{.name = name, .stream = STDIN_FILENO};
  if (can_be_sought(STDIN_FILENO)) {
    input.file = open_disk(STDIN_FILENO, name, {.force_share = job.force_share});
  }
  return input;
}

// Whether reading a part of it does not take it away from whoever reads next.
bool is_read_once(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) &&
         !S_ISBLK(status.st_mode) && !S_ISDIR(status.st_mode);
}

OpenedInput open_file(const InputJob& job, const std::string& path) {
  OpenedInput input{.name = path};
  if (!is_read_once(path)) input.file = open_disk(path, {.force_share = job.force_share});
  input.owned = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!input.owned) throw system_error(path, "cannot be opened", errno);
  input.stream = input.owned.get();
  return input;
}

OpenedInput open_input(const InputJob& job, const Source& source) {
  if (const auto* file = std::get_if<File>(&source)) return open_file(job, file->path);
  if (const auto* server = std::get_if<NbdServer>(&source)) {
    return {.name = server->uri, .file = open_nbd(server->uri, job.nbd).disk};
  }
  return open_stdin(job, name_of(source));
}

// --- what they are together ---------------------------------------------------------------------

// What look(), which reads in images, returns.
template <class Look>
auto look_into_images(const Look& look) {
  try {
    return look();
  } catch (const Error& error) {
    throw as_damage(error);
  }
}

// What an image above it may have recorded.
std::string recorded_name(const OpenedInput& input) {
  if (is_nbd_uri(input.name)) return "";
  const std::string path = input.stream == STDIN_FILENO ? "/dev/stdin" : input.name;
  return last_part_of_name(names_descriptor(path) ? name_behind_descriptor(path) : path);
}

std::vector<Qcow2Link> links_of(const std::vector<OpenedInput>& inputs) {
  std::vector<Qcow2Link> links;
  links.reserve(inputs.size());
  for (const OpenedInput& input : inputs) links.push_back({input.file, recorded_name(input)});
  std::ranges::reverse(links);
  return links;
}

Qcow2Options qcow2_options(const InputJob& job) {
  return {.force_share = job.force_share,
          .snapshot = job.snapshot,
          .ignore_names = job.ignore_names,
          .lost = job.lost};
}

bool is_sought(const OpenedInput& input) {
  return input.file != nullptr;
}

// Compares those neighbours of which that is possible.
void check_streams(const InputJob& job, Images& images) {
  for (std::size_t i = 1; i < images.inputs.size(); ++i) {
    const OpenedInput& below = images.inputs[i - 1];
    const OpenedInput& above = images.inputs[i];
    if (!is_sought(below) || !is_sought(above)) {
      images.order_is_unknown = true;
      continue;
    }
    const std::vector<Qcow2Link> links = {{above.file, recorded_name(above)},
                                          {below.file, recorded_name(below)}};
    look_into_images([&] { check_qcow2_links(links, qcow2_options(job)); });
  }
}

void refuse_snapshot(const Images& images) {
  const auto once = std::ranges::find_if_not(images.inputs, is_sought);
  throw UsageError(fmt::format(
      "-l, --snapshot: {} can be read only once; a snapshot is read from an image in a file",
      once->name));
}

void check_size(const InputJob& job, const OpenedInput& input) {
  if (!job.size || !is_sought(input) || input.file->size() == *job.size) return;
  throw Error(ErrorKind::kDamaged, input.name, "has another size than announced",
              fmt::format("{} bytes, not {}", input.file->size(), *job.size))
      .about(ErrorSubject::kImage);
}

OpenedQcow2 open_as_one(const InputJob& job, const std::vector<OpenedInput>& inputs) {
  return look_into_images([&] { return open_qcow2_chain(links_of(inputs), qcow2_options(job)); });
}

// --- --chain ------------------------------------------------------------------------------------

constexpr std::size_t kMostImages = 256;  // of a chain, as open_qcow2() has it

// Where the image with this backing file has it.
std::string path_in(const std::string& directory, const std::string& image,
                    const std::string& recorded) {
  const std::string name = last_part_of_name(recorded);
  std::string path = directory + "/" + name;
  const bool is_name = !name.empty() && name != "." && name != "..";
  if (is_name && ::access(path.c_str(), F_OK) == 0) return path;
  throw Error(ErrorKind::kMismatch, image, fmt::format("is an increment of \"{}\"", recorded),
              fmt::format("there is no such file in {}", directory))
      .about(ErrorSubject::kImage);
}

}  // namespace

std::vector<Source> sources_of(const InputJob& job) {
  std::vector<Source> sources = job.sources;
  if (!job.chain) return sources;
  std::string path = name_of(sources.front());
  for (;;) {
    const auto file = open_disk(path, {.force_share = job.force_share});
    const auto backing = look_into_images([&] { return qcow2_backing_file(*file); });
    if (!backing) return sources;
    if (sources.size() == kMostImages) {
      throw Error(
          ErrorKind::kMismatch, path, "is part of too long a chain",
          fmt::format("of more than {} images, or one that leads back to itself", kMostImages))
          .about(ErrorSubject::kImage);
    }
    path = path_in(*job.chain, path, backing->name);
    sources.insert(sources.begin(), File{path});
    if (backing->format == "raw") return sources;
  }
}

Images open_images(const InputJob& job, const std::vector<Source>& sources) {
  Images images;
  for (const Source& source : sources) images.inputs.push_back(open_input(job, source));
  if (!images.inputs.empty()) check_size(job, images.inputs.front());
  if (!job.ignore_root && job.lost == nullptr) {
    const auto roots = look_into_images([&] { return roots_of(images.inputs); });
    check_chain_roots(images.inputs, roots);
    if (!roots.empty() && !job.snapshot) images.roots = roots.back();
  }
  if (can_be_read_again(images) && !job.as_stream) {
    OpenedQcow2 opened = open_as_one(job, images.inputs);
    images.disk = std::move(opened.disk);
    images.remainder = std::move(opened.remainder);
    return images;
  }
  if (job.snapshot) refuse_snapshot(images);
  check_streams(job, images);
  return images;
}

bool can_be_read_again(const Images& images) {
  return std::ranges::all_of(images.inputs, is_sought);
}

std::shared_ptr<const Disk> disk_of_all(const InputJob& job, const Images& images) {
  return open_as_one(job, images.inputs).disk;
}

Error as_damage(const Error& error) {
  const bool is_found_in_it = error.kind() == ErrorKind::kFailed &&
                              error.subject() == ErrorSubject::kDisk &&
                              error.advice() == Advice::kNone && error.error_number() == 0;
  if (!is_found_in_it) return error;
  Error damage(ErrorKind::kDamaged, error.name(), error.what_failed(), error.reason());
  damage.about(ErrorSubject::kImage);
  if (error.offset()) damage.at(*error.offset());
  return damage;
}

}  // namespace qcow2stream::cli
