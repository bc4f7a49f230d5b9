/*
 * Cometary for Cappuccino: the JavaScript client behind the calls that Pomona had. The page loads the client first, as
 * `Cometary` (dist/cometary.min.js of the npm package, or its old/comet.js for old browsers).
 *
 * 1. The first target of a path asks the page's own back-end for the updates of the path; the last one that goes tells
 *    it that they are not wanted any more.
 * 2. The same target and action are there once for a path, however often they are connected.
 * 3. An action gets the path and the message. It is called within the run loop, so that what it changes is drawn.
 */

@import <Foundation/CPObject.j>
@import <Foundation/CPRunLoop.j>

@implementation Comet : CPObject
{
    JSObject client;
    JSObject receivers; // of each path: the target, the action and what takes the handler off
}

- (id)initWithURL:(CPString)aURL connectURL:(CPString)aConnectURL disconnectURL:(CPString)aDisconnectURL
{
    if (self = [super init])
    {
        client = new window.Cometary.Comet(aURL, { connectUrl: aConnectURL, disconnectUrl: aDisconnectURL });
        receivers = {};
        client.open();
    }

    return self;
}

/* The session's id, as long as there is a session. */
- (CPString)sessionId
{
    return client.sid || nil;
}

/* The JavaScript client, for its events and all that is not here. */
- (JSObject)client
{
    return client;
}

- (void)connect:(CPString)aPath target:(id)aTarget action:(SEL)anAction
{
    var there = receivers[aPath] || (receivers[aPath] = []);

    if ([self indexOf:aTarget action:anAction in:there] >= 0)
        return;

    there.push({
        target: aTarget,
        action: anAction,
        stop: client.on(aPath, function(message, path)
        {
            [aTarget performSelector:anAction withObject:path withObject:message];
            [[CPRunLoop currentRunLoop] limitDateForMode:CPDefaultRunLoopMode];
        })
    });

    if (there.length === 1)
        client.connect(aPath).then(null, function(error) { CPLog.warn("%@", error); });
}

- (void)disconnect:(CPString)aPath target:(id)aTarget action:(SEL)anAction
{
    var there = receivers[aPath] || [],
        index = [self indexOf:aTarget action:anAction in:there];

    if (index < 0)
        return;

    there.splice(index, 1)[0].stop();

    if (there.length === 0)
        client.disconnect(aPath).then(null, function(error) { CPLog.warn("%@", error); });
}

- (void)send:(id)aMessage to:(CPString)aPath
{
    client.send(aPath, aMessage);
}

- (int)indexOf:(id)aTarget action:(SEL)anAction in:(JSObject)there
{
    for (var index = 0; index < there.length; index++)
        if (there[index].target === aTarget && there[index].action === anAction)
            return index;

    return -1;
}

@end
