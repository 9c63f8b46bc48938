import { describe, expect, test } from "vitest";
import { figuresOfTcp, receivedDatagrams, timesOfPing } from "../../carrying-traffic/toolOutput.ts";
import { highestOf } from "../../frame/rounds.ts";

describe("what iperf3 prints", () => {
  test("is read as what the other end has received", () => {
    const tcp = { end: { sum_sent: { bits_per_second: 9e9 }, sum_received: { bits_per_second: 8.5e9 } } };
    expect(figuresOfTcp(JSON.stringify(tcp))).toBe(8.5);
  });

  test("is refused where it is an error", () => {
    const text = JSON.stringify({ end: {}, error: "unable to connect to server" });
    expect(() => figuresOfTcp(text)).toThrow("iperf3: unable to connect to server");
  });
});

test("datagrams are counted where they arrive", () => {
  const snmp = `Tcp: RtoAlgorithm RtoMin
Tcp: 1 200
Udp: InDatagrams NoPorts InErrors OutDatagrams
Udp: 4711 3 2 1
UdpLite: InDatagrams NoPorts
UdpLite: 0 0`;
  expect(receivedDatagrams(snmp)).toBe(4_711);
});

test("echoes are read with their times, and lost ones are left out", () => {
  const text = `PING 10.30.1.2 (10.30.1.2) 56(84) bytes of data.
64 bytes from 10.30.1.2: icmp_seq=1 ttl=64 time=0.051 ms
64 bytes from 10.30.1.2: icmp_seq=3 ttl=64 time=12 ms

--- 10.30.1.2 ping statistics ---
3 packets transmitted, 2 received, 33.3333% packet loss, time 4ms
rtt min/avg/max/mdev = 0.051/6.025/12.000/5.974 ms`;
  expect(timesOfPing(text)).toEqual([0.051, 12]);
});

test("the best of some contenders is taken round by round", () => {
  const sample = (round: number, value: number) => ({ round, value });
  expect(highestOf([[sample(0, 1), sample(1, 5)], [sample(0, 2)]])).toEqual([sample(0, 2), sample(1, 5)]);
});
