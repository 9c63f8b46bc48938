/** The text of `npm run lab -- help`: one screen. */
export const HELP = `npm run lab [-- VERB]      a cloud of booted hosts on this machine, and the program's stack on it

  up                      start the cloud, run pulumi up, show the status of all hosts and paths (default)
  preview                 show what up would change
  refresh                 compare the stack's state with the cloud (hosts repair themselves without it)
  destroy                 undo what up did; hosts that existed before stay
  status [OPTION…]        how the hosts and the paths between them are; --help lists the options
  diagram [OPTION…]       a picture of the stack as SVG or Mermaid; --help lists the options
  pulumi ARGS…            any Pulumi command on the lab's stacks

  ssh HOST [COMMAND…]     log in as opc, or run a command there and return its exit code
  reboot HOST             reboot a host and wait until SSH answers
  logs HOST               a host's console and journal
  ps                      what runs, where, since when, and how much memory it takes
  down                    destroy if that can work, then remove everything except the caches

  fault capacity [COUNT [AFTER]|AD-1…|unknown]  none for COUNT launches after AFTER, none in AD-1…, or no reports
  fault launch fails|hangs [COUNT]  the next COUNT launches end in TERMINATED, or never end
  fault slow-boot SECONDS every boot takes that much longer
  fault api CODE STATUS [COUNT]   the next COUNT API requests fail with this error
  fault partition HOST    no packet reaches or leaves the host, until: fault restore HOST
  fault terminate HOST    the cloud itself ends an instance
  fault list, fault clear the faults in force; withdraw all of them

  help                    this text

Options before VERB
  --no-install            do not install what is missing: print the command and stop
  --stack NAME            the stack to work on (default lab: hosts are instances in the lab's cloud;
                          lab-existing: hosts that existed before)

Environment
  LAB_COMMAND_PLUGIN, LAB_OCI_PLUGIN   paths of official plugin binaries to use instead of the stand-ins
  LAB_ENGINE=build|download            build the engine from Go modules, or let npm's launcher download it
                                       (default: download where the internet answers)
  LAB_ENGINE_VERSION=3.274.1           build and use a newer engine
  LAB_NAME=NAME                        another lab beside the first (default: the stack's name)

State, keys and logs are below .lab/, caches below .lab/cache/.
`;
