/*
 * The callers and listeners of the benchmark: sends RTP as the speakers of rooms, takes what comes back as their listeners, counts
 * what is lost and in the wrong order, and reads meanwhile what CPU the forwarder between them takes. Prints one line of JSON.
 *
 *   traffic KEY=VALUE … < PORTS
 *
 *   from=ADDRESS:PORT  the place of peer 0; peer i has PORT + i. A room has `peers` peers in a row, of which the first `speakers`
 *                      speak; each is heard by all the others of its room
 *   to=ADDRESS         where the forwarder takes media; standard input has its ports: one for each speaker in order, or one for all
 *   bytes=N            of each packet, without the headers of IP and UDP
 *   rate=N             packets a second of each speaker, spread evenly over all; 0: flat out, with `window` packets under way
 *   warm=MS            flat out before anything is measured, whatever the rate is
 *   measure=MS         how long is measured
 *   pid=N              the forwarder
 *   turn=1             the first peer of each room is a TURN client: what it sends and takes is ChannelData (RFC 8656 section 12.4)
 *   packets=FILE       ready-made packets (SRTP): `bytes` each, as many for every speaker, speaker by speaker
 *
 * One thread sends and takes. What is told of a packet is found by its SSRC and sequence number, so that its payload may be anything.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define BYTES_MAX 2048
#define BUFFER_BYTES (4 << 20)
/* Of ChannelData: the number of the one channel that each client has, and the length of what follows. */
#define CHANNEL 0x4000
#define CHANNEL_BYTES 4
#define SSRC_FIRST 0x10000000u
/* Send times that are remembered of each speaker: more than are ever under way flat out, and 5 s of a paced one. */
#define TIMES 256
/* Flat out: what has not come after this long is lost, and the window is free again. */
#define STALL_NS 50000000LL
/* Paced: how long the flow may calm down after the warm-up, and how long stragglers are waited for in the end. */
#define SETTLE_NS 300000000LL
#define DRAIN_NS 300000000LL

/* Latencies: 32 steps for each doubling. */
#define STEPS 32
#define BINS (STEPS * 40)

struct speaker {
  int fd;
  uint32_t sent;         /* The next sequence number, not cut to 16 bits. */
  uint32_t measured_from; /* The first one that counts. */
  uint32_t measured_to;
  uint32_t delivered;    /* Copies of those that count. */
  int64_t times[TIMES];
};

struct peer {
  int fd;
  /* Of each speaker of the room: the sequence number that came last, and one more, so that 0 is none. */
  uint32_t *last;
  /* And when that was. */
  int64_t *last_ns;
};

static const char *from_address = "127.0.0.1", *to_address = "127.0.0.1", *packets_file;
static long from_port, rooms = 1, peers = 2, speakers = 2, bytes = 172, rate, window = 256, warm_ms, measure_ms = 1000, pid, turn;

static struct speaker *all_speakers;
static struct peer *all_peers;
static long speaker_count, peer_count, copies;
static const uint8_t *ready_made;
static long ready_made_each;
/* How many of them may be sent so far: the warm-up leaves what will be measured. */
static long ready_made_limit;

static int is_measuring;
static long outstanding, arrived, reordered, duplicates, strange, stalls;
static int64_t lag_most_ns, last_arrival_ns, gap_most_ns;
/* When it began to count. */
static int64_t measured_from_ns;
static uint64_t bins[BINS], latency_most_ns;

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("traffic: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* ---- what is asked ---- */

static int is_key(const char *argument, const char *key, const char **value) {
  size_t length = strlen(key);
  if (strncmp(argument, key, length) != 0 || argument[length] != '=') return 0;
  *value = argument + length + 1;
  return 1;
}

static void read_arguments(int count, char **arguments) {
  static const struct { const char *key; long *number; } numbers[] = {
    {"rooms", &rooms}, {"peers", &peers}, {"speakers", &speakers}, {"bytes", &bytes}, {"rate", &rate},
    {"window", &window}, {"warm", &warm_ms}, {"measure", &measure_ms}, {"pid", &pid}, {"turn", &turn},
  };
  for (int i = 1; i < count; i++) {
    const char *value;
    if (is_key(arguments[i], "from", &value)) {
      char *colon = strrchr(value, ':');
      if (!colon) fail("from=ADDRESS:PORT");
      *colon = 0;
      from_address = value;
      from_port = atol(colon + 1);
    } else if (is_key(arguments[i], "to", &value)) to_address = value;
    else if (is_key(arguments[i], "packets", &value)) packets_file = value;
    else {
      size_t known = 0;
      while (known < sizeof numbers / sizeof *numbers && !is_key(arguments[i], numbers[known].key, &value)) known++;
      if (known == sizeof numbers / sizeof *numbers) fail("what is %s?", arguments[i]);
      *numbers[known].number = atol(value);
    }
  }
  if (speakers > peers || bytes < 12 || bytes > BYTES_MAX || rooms < 1 || window < 1) fail("these numbers make no traffic");
  peer_count = rooms * peers;
  speaker_count = rooms * speakers;
  copies = peers - 1;
}

static struct sockaddr_in place(const char *address, long port) {
  struct sockaddr_in made = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, address, &made.sin_addr) != 1 || port < 1 || port > 65535) fail("no such place: %s:%ld", address, port);
  return made;
}

static int open_peer(long index) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), size = BUFFER_BYTES;
  if (fd < 0) fail("peer %ld: %s", index, strerror(errno));
  /* Beyond the limit of the system for root, up to it for all others. */
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  struct sockaddr_in own = place(from_address, from_port + index);
  if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0) fail("port %ld: %s", from_port + index, strerror(errno));
  return fd;
}

static void open_all(int epoll) {
  struct rlimit files = {(rlim_t)peer_count + 64, (rlim_t)peer_count + 64};
  if (setrlimit(RLIMIT_NOFILE, &files) != 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  all_peers = calloc((size_t)peer_count, sizeof *all_peers);
  all_speakers = calloc((size_t)speaker_count, sizeof *all_speakers);
  for (long i = 0; i < peer_count; i++) {
    all_peers[i].fd = open_peer(i);
    all_peers[i].last = calloc((size_t)speakers, sizeof *all_peers[i].last);
    all_peers[i].last_ns = calloc((size_t)speakers, sizeof *all_peers[i].last_ns);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, all_peers[i].fd, &event) != 0) fail("epoll: %s", strerror(errno));
  }
  long port = 0, given = 0;
  for (long i = 0; i < speaker_count; i++) {
    long next;
    if (scanf("%ld", &next) == 1) {
      port = next;
      given++;
    } else if (given != 1) fail("%ld ports for %ld speakers", given, speaker_count);
    struct speaker *speaker = &all_speakers[i];
    struct sockaddr_in target = place(to_address, port);
    speaker->fd = all_peers[i / speakers * peers + i % speakers].fd;
    if (connect(speaker->fd, (struct sockaddr *)&target, sizeof target) != 0) fail("connect: %s", strerror(errno));
  }
}

static void map_packets(void) {
  if (!packets_file) return;
  struct stat info;
  int fd = open(packets_file, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info) != 0) fail("%s: %s", packets_file, strerror(errno));
  ready_made_each = info.st_size / bytes / speaker_count;
  ready_made = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  close(fd);
  long paced_ones = rate * (measure_ms + 2 * SETTLE_NS / 1000000) / 1000;
  ready_made_limit = rate > 0 ? ready_made_each - paced_ones : ready_made_each / 4;
  if (ready_made == MAP_FAILED || ready_made_limit <= 0) fail("%s holds too few packets", packets_file);
}

/* ---- CPU of all threads of the forwarder, in nanoseconds ---- */

static int64_t forwarder_cpu_ns(void) {
  if (pid == 0) return 0;
  char path[300];
  snprintf(path, sizeof path, "/proc/%ld/task", pid);
  DIR *tasks = opendir(path);
  if (!tasks) fail("the forwarder is gone");
  int64_t sum = 0;
  for (struct dirent *task; (task = readdir(tasks));) {
    if (task->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%ld/task/%s/schedstat", pid, task->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    long long on_cpu;
    if (fscanf(file, "%lld", &on_cpu) == 1) sum += on_cpu;
    fclose(file);
  }
  closedir(tasks);
  return sum;
}

/* ---- sending ---- */

static int is_turn_client(long peer_index) {
  return turn && peer_index % peers == 0;
}

/* False: of its ready-made packets no more may be sent. */
static int send_one(long index, int64_t at_ns) {
  static uint8_t made[BYTES_MAX];
  uint16_t channel[2] = {htons(CHANNEL), htons((uint16_t)bytes)};
  struct speaker *speaker = &all_speakers[index];
  uint32_t sequence = speaker->sent;
  const uint8_t *packet = made;
  if (ready_made) {
    if (sequence >= ready_made_limit) return 0;
    packet = ready_made + (index * ready_made_each + sequence) * bytes;
  } else {
    uint32_t fields[2] = {htonl(160 * sequence), htonl(SSRC_FIRST + (uint32_t)index)};
    made[0] = 0x80;
    made[2] = (uint8_t)(sequence >> 8);
    made[3] = (uint8_t)sequence;
    memcpy(made + 4, fields, sizeof fields);
  }
  speaker->times[sequence % TIMES] = at_ns;
  speaker->sent++;
  outstanding += copies;
  /* A full buffer of the forwarder drops silently; what the kernel refuses here (an ICMP error of before) counts as lost too. */
  struct iovec parts[2] = {{channel, sizeof channel}, {(void *)packet, (size_t)bytes}};
  int skipped = is_turn_client(index / speakers * peers + index % speakers) ? 0 : 1;
  struct msghdr message = {.msg_iov = parts + skipped, .msg_iovlen = (size_t)(2 - skipped)};
  if (sendmsg(speaker->fd, &message, 0) < 0 && errno == EBADF) fail("send: %s", strerror(errno));
  return 1;
}

/* ---- taking ---- */

static void note_latency(int64_t ns) {
  if (ns < 0) ns = 0;
  if ((uint64_t)ns > latency_most_ns) latency_most_ns = (uint64_t)ns;
  uint64_t value = (uint64_t)ns + STEPS;
  int shift = 63 - __builtin_clzll(value) - 5;
  long bin = (long)shift * STEPS + (long)(value >> shift) - STEPS;
  bins[bin < BINS ? bin : BINS - 1]++;
}

static double latency_us(double part) {
  uint64_t total = 0, seen = 0;
  for (int i = 0; i < BINS; i++) total += bins[i];
  for (int i = 0; i < BINS; i++) {
    seen += bins[i];
    if (seen > 0 && (double)seen >= part * (double)total)
      return (double)(((uint64_t)(i % STEPS + STEPS) << (i / STEPS)) - STEPS) / 1000;
  }
  return 0;
}

static void take_packet(long peer_index, const uint8_t *packet, size_t length, int64_t at_ns) {
  uint32_t ssrc;
  if (is_turn_client(peer_index) && length > CHANNEL_BYTES) {
    packet += CHANNEL_BYTES;
    length -= CHANNEL_BYTES;
  }
  /* RTP of payload type 0 alone: a forwarder's own questions and reports are not what is counted. */
  if (length < 12 || packet[0] >> 6 != 2 || (packet[1] & 0x7f) != 0) return;
  memcpy(&ssrc, packet + 8, sizeof ssrc);
  long index = (long)(ntohl(ssrc) - SSRC_FIRST);
  long room = peer_index / peers;
  if (index < 0 || index >= speaker_count || index / speakers != room) {
    strange++;
    return;
  }
  struct speaker *speaker = &all_speakers[index];
  uint16_t behind = (uint16_t)(speaker->sent - (uint32_t)(packet[2] << 8 | packet[3]));
  uint32_t sequence = speaker->sent - (behind == 0 ? 0x10000u : behind);
  uint32_t *last = &all_peers[peer_index].last[index % speakers];
  last_arrival_ns = at_ns;
  if (outstanding > 0) outstanding--;
  if (*last == sequence + 1) {
    duplicates++;
    return;
  }
  if (*last > sequence + 1) reordered += is_measuring;
  else *last = sequence + 1;
  int64_t *last_ns = &all_peers[peer_index].last_ns[index % speakers];
  if (is_measuring && *last_ns >= measured_from_ns && at_ns - *last_ns > gap_most_ns) gap_most_ns = at_ns - *last_ns;
  *last_ns = at_ns;
  if (is_measuring) arrived++;
  if (sequence < speaker->measured_from || sequence >= speaker->measured_to) return;
  speaker->delivered++;
  if (speaker->sent - sequence <= TIMES) note_latency(at_ns - speaker->times[sequence % TIMES]);
}

static void take_all(long peer_index) {
  static uint8_t buffers[BATCH][BYTES_MAX];
  static struct iovec vectors[BATCH];
  static struct mmsghdr messages[BATCH];
  if (!vectors[0].iov_base)
    for (int i = 0; i < BATCH; i++) {
      vectors[i] = (struct iovec){buffers[i], BYTES_MAX};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  for (int count = BATCH; count == BATCH;) {
    count = recvmmsg(all_peers[peer_index].fd, messages, BATCH, 0, NULL);
    int64_t at_ns = now_ns();
    for (int i = 0; i < count; i++) take_packet(peer_index, buffers[i], messages[i].msg_len, at_ns);
  }
}

/* Waits until something comes, at most this long, and takes what is there. */
static void take_until(int epoll, int64_t until_ns) {
  static struct epoll_event events[BATCH];
  int ready = epoll_wait(epoll, events, BATCH, 0);
  if (ready == 0) {
    int64_t left = until_ns - now_ns();
    if (left <= 0) return;
    struct pollfd waiting = {.fd = epoll, .events = POLLIN};
    struct timespec time = {left / 1000000000, left % 1000000000};
    ppoll(&waiting, 1, &time, NULL);
    ready = epoll_wait(epoll, events, BATCH, 0);
  }
  for (int i = 0; i < ready; i++) take_all((long)events[i].data.u32);
}

/* ---- the two ways of sending; both give back when they ended ---- */

static void flat_out(int epoll, int64_t until_ns) {
  static long next;
  while (now_ns() < until_ns) {
    int64_t at_ns = now_ns();
    if (outstanding > 0 && at_ns - last_arrival_ns > STALL_NS) {
      outstanding = 0;
      last_arrival_ns = at_ns;
      stalls += is_measuring;
    }
    long tried = 0;
    for (; outstanding + copies <= window * copies && tried < BATCH; tried++) {
      if (!send_one(next, at_ns)) return;
      next = (next + 1) % speaker_count;
    }
    take_until(epoll, tried == BATCH ? 0 : at_ns + STALL_NS);
  }
}

static void paced(int epoll, int64_t until_ns) {
  static long next;
  int64_t began_ns = now_ns(), count = 0;
  double gap_ns = 1e9 / ((double)rate * (double)speaker_count);
  for (;;) {
    int64_t at_ns = now_ns(), due_ns = began_ns + (int64_t)((double)count * gap_ns);
    /* Who was held up makes up for it: so many are sent as belong into this time. */
    if (due_ns >= until_ns && at_ns >= until_ns) return;
    for (int sent = 0; due_ns <= at_ns && due_ns < until_ns && sent < BATCH; sent++) {
      if (is_measuring && at_ns - due_ns > lag_most_ns) lag_most_ns = at_ns - due_ns;
      if (!send_one(next, now_ns())) return;
      next = (next + 1) % speaker_count;
      due_ns = began_ns + (int64_t)((double)++count * gap_ns);
    }
    take_until(epoll, due_ns < until_ns ? due_ns : until_ns);
  }
}

static void print(int64_t took_ns, int64_t cpu_ns) {
  long sent = 0, delivered = 0, worst = 0, due = 0;
  for (long i = 0; i < speaker_count; i++) {
    struct speaker *speaker = &all_speakers[i];
    long own_due = (long)(speaker->measured_to - speaker->measured_from) * copies;
    sent += (long)(speaker->measured_to - speaker->measured_from);
    delivered += speaker->delivered;
    due += own_due;
    if (own_due - speaker->delivered > worst) worst = own_due - speaker->delivered;
  }
  printf("{\"seconds\":%.6f,\"sent\":%ld,\"due\":%ld,\"delivered\":%ld,\"arrived\":%ld,\"reordered\":%ld,\"duplicates\":%ld,"
         "\"strange\":%ld,\"worstSpeakerLost\":%ld,\"stalls\":%ld,\"lagMs\":%.3f,\"gapMs\":%.3f,\"cpuNs\":%lld,"
         "\"latencyUs\":{\"median\":%.1f,\"p99\":%.1f,\"most\":%.1f}}\n",
         (double)took_ns / 1e9, sent, due, delivered, arrived, reordered, duplicates, strange, worst, stalls,
         (double)lag_most_ns / 1e6, (double)gap_most_ns / 1e6, (long long)cpu_ns, latency_us(0.5), latency_us(0.99), (double)latency_most_ns / 1000);
}

int main(int count, char **arguments) {
  prctl(PR_SET_TIMERSLACK, 1);
  read_arguments(count, arguments);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  open_all(epoll);
  map_packets();

  last_arrival_ns = now_ns();
  if (warm_ms > 0) flat_out(epoll, now_ns() + warm_ms * 1000000LL);
  ready_made_limit = ready_made_each;
  if (rate > 0) paced(epoll, now_ns() + SETTLE_NS);

  for (long i = 0; i < speaker_count; i++) {
    all_speakers[i].measured_from = all_speakers[i].sent;
    all_speakers[i].measured_to = UINT32_MAX;
  }
  is_measuring = 1;
  int64_t cpu_ns = forwarder_cpu_ns(), began_ns = measured_from_ns = now_ns(), until_ns = began_ns + measure_ms * 1000000LL;
  if (rate > 0) paced(epoll, until_ns);
  else flat_out(epoll, until_ns);
  int64_t took_ns = now_ns() - began_ns;
  cpu_ns = forwarder_cpu_ns() - cpu_ns;
  is_measuring = 0;
  for (long i = 0; i < speaker_count; i++) all_speakers[i].measured_to = all_speakers[i].sent;

  last_arrival_ns = now_ns();
  while (outstanding > 0 && now_ns() - last_arrival_ns < DRAIN_NS) take_until(epoll, last_arrival_ns + DRAIN_NS);
  print(took_ns, cpu_ns);
  return 0;
}
