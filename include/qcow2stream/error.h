// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one exception type of the library, which prints only traces (trace.h) and never exits.

#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>

namespace qcow2stream {

enum class ErrorKind {
  kFailed,    // something could not be done: input, output, memory, a limit of the format
  kUsage,     // options that make no sense, whatever the disk holds
  kChanged,   // the disk is not what it was when the survey began
  kMismatch,  // the image is not the one that was asked for
  kDamaged,   // an image that is being restored is damaged or cut off, or not what was expected
};

// What an error is about, so that nobody needs to compare names.
enum class ErrorSubject {
  kOther,
  kDisk,      // the disk or the base: opening, reading or asking it
  kOutput,    // what the image is written to
  kTarget,    // what a disk is restored to
  kImage,     // the image that is being restored
  kSpool,     // the place where a stream or compressed clusters are kept meanwhile
  kList,      // a list of what is allocated or has changed
  kPlan,      // a saved plan
  kManifest,  // a manifest of a disk's content
};

// What may help. The library's messages name no option of any command: a command turns this into
// its own words.
enum class Advice {
  kNone,
  kForceShare,       // FileOptions::force_share, or a snapshot that nobody writes to
  kWithoutExtents,   // SurveyOptions::what with Everything in place of what the disk says
  kSmallerClusters,  // clusters of at most advice_number() bytes
  kDirtyBitmap,      // the bitmap itself, as a source of changes, in place of this list
  kAssumeUnchanged,  // image_of_plan() with assume_unchanged, if that is known
  kMakePlan,         // encode_plan() makes one
  kOtherSpool,       // another spool_directory
  kNameFormat,       // a format that is named, raw if that is meant
  kReadWithQemu,     // open_qemu() may read it: it is beyond open_qcow2()
  kMoreSpool,        // a spool of advice_number() bytes, in memory or in a directory
  kOverwrite,        // TargetOptions::overwrite, if the file that exists may be replaced
  kApply,            // RestoreOptions::apply, once the target holds the base of the increment
  kIgnoreNames,      // Qcow2Options::ignore_names, where the images are known to be the right ones
  kNameImage,        // open_qcow2() of a path: what the image refers to is found from there
  kIgnoreOwnRoot,    // ExpectedContent::ignore_own, where it is known that the image was written to
  kTrustTarget,      // ExpectedContent::trust_target, or both manifests, where a restore broke off
};

// What failed, on what, why, and where. what() is one line without a newline:
// "NAME: what failed: reason". Copyable; safe to hand from one thread to another.
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string name, std::string what_failed, std::string reason);

  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }
  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  // The disk, file or option that it is about.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& what_failed() const noexcept { return what_failed_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  // The operating system's error number, 0 where there is none.
  [[nodiscard]] int error_number() const noexcept { return error_number_; }
  // The byte of the disk or of the output that could not be read or written.
  [[nodiscard]] std::optional<std::uint64_t> offset() const noexcept { return offset_; }

  [[nodiscard]] ErrorSubject subject() const noexcept { return subject_; }
  [[nodiscard]] Advice advice() const noexcept { return advice_; }
  // The number that belongs to the advice; 0 where it has none.
  [[nodiscard]] std::uint64_t advice_number() const noexcept { return advice_number_; }

  Error& about(ErrorSubject subject) {
    subject_ = subject;
    return *this;
  }
  Error& advise(Advice advice, std::uint64_t number = 0) {
    advice_ = advice;
    advice_number_ = number;
    return *this;
  }
  Error& with_errno(int number) {
    error_number_ = number;
    return *this;
  }
  Error& at(std::uint64_t offset) {
    offset_ = offset;
    return *this;
  }

 private:
  ErrorKind kind_;
  std::string name_;
  std::string what_failed_;
  std::string reason_;
  ErrorSubject subject_ = ErrorSubject::kOther;
  Advice advice_ = Advice::kNone;
  std::uint64_t advice_number_ = 0;
  int error_number_ = 0;
  std::optional<std::uint64_t> offset_;
  std::string message_;
};

}  // namespace qcow2stream
