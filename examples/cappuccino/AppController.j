/* A window in which everybody reads what anybody has written. */

@import <AppKit/AppKit.j>
@import "/clients/cappuccino/Comet.j"

@implementation AppController : CPObject
{
    Comet comet;
    CPTextField heard;
    CPTextField said;
}

- (void)applicationDidFinishLaunching:(CPNotification)aNotification
{
    var window = [[CPWindow alloc] initWithContentRect:CGRectMake(40, 40, 420, 130)
                                             styleMask:CPTitledWindowMask],
        contentView = [window contentView],
        button = [[CPButton alloc] initWithFrame:CGRectMake(320, 20, 80, 25)];

    [window setTitle:@"Cometary"];

    said = [[CPTextField alloc] initWithFrame:CGRectMake(20, 18, 290, 29)];
    [said setEditable:YES];
    [said setBezeled:YES];
    [contentView addSubview:said];

    [button setTitle:@"Say"];
    [button setTarget:self];
    [button setAction:@selector(say:)];
    [contentView addSubview:button];

    heard = [[CPTextField alloc] initWithFrame:CGRectMake(20, 65, 380, 29)];
    [contentView addSubview:heard];

    comet = [[Comet alloc] initWithURL:window_cometURL() connectURL:@"/connect" disconnectURL:@"/disconnect"];
    [comet connect:@"last words" target:self action:@selector(path:message:)];

    [window orderFront:self];
}

- (void)say:(id)sender
{
    [comet send:[said stringValue] to:@"say"];
}

- (void)path:(CPString)aPath message:(CPString)aMessage
{
    [heard setStringValue:aMessage];
}

@end

/* The server's endpoint, if it is another one than the page's. */
function window_cometURL()
{
    return new URLSearchParams(window.location.search).get("comet") || "/comet";
}
